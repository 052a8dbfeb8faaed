import type { EdgeKey, Party } from "#telemetry";

const NOBODY: Party = { namespace: "", workload: "", instance: "", principal: "", service: "", version: "" };
/** Stands for edges that found no slot: their counts are kept, their names are not. */
const OVERFLOW_EDGE: EdgeKey = {
  reporter: "source",
  source: NOBODY,
  destination: NOBODY,
  protocol: "http",
  mtls: false,
};

/** Small integers for edges. Slot 0 is the overflow slot. A slot is given again only when nobody holds it and it has fallen silent. */
export class EdgeTable {
  readonly #slotsMax: number;
  readonly #keys: (EdgeKey | undefined)[];
  readonly #holders: number[] = [0];
  readonly #slotByKey = new Map<string, number>();
  readonly #free: number[] = [];
  #overflowed = 0;

  constructor(slotsMax: number, reporter: string) {
    this.#slotsMax = slotsMax;
    this.#keys = [{ ...OVERFLOW_EDGE, source: { ...NOBODY, instance: reporter } }];
  }

  /** Times that an edge found no slot. */
  get overflowed(): number {
    return this.#overflowed;
  }

  open(key: EdgeKey): number {
    const text = keyText(key);
    const known = this.#slotByKey.get(text);
    const slot = known ?? this.#newSlot();
    if (slot === 0) {
      this.#overflowed++;
      return 0;
    }
    if (known === undefined) {
      this.#slotByKey.set(text, slot);
      this.#keys[slot] = key;
      this.#holders[slot] = 0;
    }
    this.#holders[slot] = (this.#holders[slot] ?? 0) + 1;
    return slot;
  }

  close(slot: number): void {
    const holders = this.#holders[slot] ?? 0;
    if (slot > 0 && holders > 0) this.#holders[slot] = holders - 1;
  }

  /** The slot itself while it stands for an edge, else the overflow slot. */
  live(slot: number): number {
    return this.#keys[slot] === undefined ? 0 : slot;
  }

  key(slot: number): EdgeKey {
    return this.#keys[slot] ?? OVERFLOW_EDGE;
  }

  /** Gives back the slots that nobody holds and that `isBusy` does not know. */
  expire(isBusy: (slot: number) => boolean): void {
    for (const [text, slot] of this.#slotByKey) {
      if ((this.#holders[slot] ?? 0) > 0 || isBusy(slot)) continue;
      this.#slotByKey.delete(text);
      this.#keys[slot] = undefined;
      this.#free.push(slot);
    }
  }

  #newSlot(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    return this.#keys.length < this.#slotsMax ? this.#keys.push(undefined) - 1 : 0;
  }
}

function keyText(key: EdgeKey): string {
  return [key.reporter, key.protocol, key.mtls, partyText(key.source), partyText(key.destination)].join("\n");
}

function partyText(party: Party): string {
  return [party.namespace, party.workload, party.instance, party.principal, party.service, party.version].join("\t");
}
