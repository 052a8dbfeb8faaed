/**
 * What belongs to the open streams of one connection, by their identifiers.
 *
 * The engine's `Map` replaces its storage every few deletions, and each that is replaced leads to the next: once one has grown old, all
 * that follow it, and what they held, look alive to every collection of the young, however short requests lived. Here nothing leads
 * from what was to what is.
 */

const CAPACITY_MIN = 16;

export class StreamTable<T> {
  /** Open addressing with linear probing; 0 is free. Identifiers of one side are two apart, and so neighbours here. */
  #ids = new Int32Array(CAPACITY_MIN);
  #values: (T | undefined)[] = emptyOf(CAPACITY_MIN);
  #mask = CAPACITY_MIN - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): T | undefined {
    const ids = this.#ids;
    for (let slot = (id >>> 1) & this.#mask; ids[slot] !== 0; slot = (slot + 1) & this.#mask)
      if (ids[slot] === id) return this.#values[slot];
    return undefined;
  }

  /** `id` is above 0. */
  set(id: number, value: T): void {
    if ((this.#size + 1) * 2 > this.#ids.length) this.#grow();
    const slot = this.#slotFor(id);
    if (this.#ids[slot] === 0) this.#size++;
    this.#ids[slot] = id;
    this.#values[slot] = value;
  }

  delete(id: number): boolean {
    const slot = this.#slotFor(id);
    if (this.#ids[slot] === 0) return false;
    this.#size--;
    this.#closeGap(slot);
    return true;
  }

  /** As they are now: what happens to the table afterwards does not show. */
  values(): readonly T[] {
    return this.#values.filter((value) => value !== undefined);
  }

  /** Where it is, or would be. */
  #slotFor(id: number): number {
    const ids = this.#ids;
    let slot = (id >>> 1) & this.#mask;
    while (ids[slot] !== 0 && ids[slot] !== id) slot = (slot + 1) & this.#mask;
    return slot;
  }

  /** Moves up those behind a gap that could not be where they belong (Knuth, "The Art of Computer Programming" 3, algorithm 6.4R). */
  #closeGap(from: number): void {
    const ids = this.#ids;
    const mask = this.#mask;
    let gap = from;
    for (let slot = (gap + 1) & mask; ids[slot] !== 0; slot = (slot + 1) & mask) {
      const home = ((ids[slot] as number) >>> 1) & mask;
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      ids[gap] = ids[slot] as number;
      this.#values[gap] = this.#values[slot];
      gap = slot;
    }
    ids[gap] = 0;
    this.#values[gap] = undefined;
  }

  #grow(): void {
    const [ids, values] = [this.#ids, this.#values];
    this.#ids = new Int32Array(ids.length * 2);
    this.#values = emptyOf(ids.length * 2);
    this.#mask = ids.length * 2 - 1;
    for (const [slot, id] of ids.entries()) {
      if (id === 0) continue;
      const to = this.#slotFor(id);
      this.#ids[to] = id;
      this.#values[to] = values[slot];
    }
  }
}

function emptyOf<T>(capacity: number): (T | undefined)[] {
  return new Array<T | undefined>(capacity).fill(undefined);
}
