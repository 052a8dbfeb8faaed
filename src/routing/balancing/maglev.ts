/**
 * Google's Maglev table (NSDI 2016) as Envoy fills it (`maglev_lb.cc`): every endpoint has a permutation of the table's slots, and all
 * take free slots in turn, heavier ones more often. The same key reaches the same endpoint as through Envoy.
 */
import type { Candidate, Weighted } from "./candidate.ts";
import type { Picker, PickRequest } from "./picker.ts";
import { randomHash } from "./random-hash.ts";
import type { MaglevBalancing } from "./settings.ts";
import { remainderOf } from "./word64.ts";
import { type Hash64, xxHash64 } from "./xxhash64.ts";

/** Envoy's; with larger tables the remainder of a hash would not be exact. */
const TABLE_MAX = 5_000_011;
/** Other slots that are tried for a key whose endpoint is out, before its neighbours are. */
const ATTEMPTS_MAX = 32;
const FREE = 0xffff_ffff;

/** One endpoint while the table is filled. */
interface Filling {
  readonly member: number;
  readonly weight: number;
  readonly skip: number;
  slot: number;
  /** What its turns so far are worth; it has the next one when as much has passed. */
  target: number;
}

export class MaglevPicker<E extends Weighted> implements Picker<E> {
  readonly #size: number;
  readonly #random: () => number;
  #members: readonly Candidate<E>[] = [];
  #eligible: readonly Candidate<E>[] = [];
  /** The index of the member for each slot. */
  #table: Uint32Array = new Uint32Array(0);

  /** Throws when the size is not a prime: not every slot would be reached. */
  constructor({ tableSize }: MaglevBalancing, random: () => number) {
    if (tableSize > TABLE_MAX || !isPrime(tableSize))
      throw new RangeError(`A Maglev table cannot have ${tableSize} slots`);
    this.#size = tableSize;
    this.#random = random;
  }

  update(members: readonly Candidate<E>[], weights: readonly number[]): void {
    this.#members = members;
    const fillings = members
      .map(({ endpoint: { instance, hashKey = instance } }, member) => ({
        key: hashKey,
        member,
        weight: weights[member] as number,
        skip: slotOf(xxHash64(hashKey, 1), this.#size - 1) + 1,
        slot: slotOf(xxHash64(hashKey), this.#size),
        target: 0,
      }))
      .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    this.#table = fill(fillings, this.#size);
  }

  settle(eligible: readonly Candidate<E>[]): void {
    this.#eligible = eligible;
  }

  pick(_nowMs: number, { avoid, hash }: PickRequest<E>): Candidate<E> | undefined {
    if (this.#eligible.length <= 1) return this.#eligible[0];
    const key = hash ?? randomHash(this.#random);
    const chosen = this.#ownerOf(slotOf(key, this.#size));
    if (chosen.isEligible && chosen !== avoid) return chosen;
    return this.#pickOther(key, avoid);
  }

  /** Another hash made of the key's, as Envoy does for retries, so that the keys of one endpoint are spread over all others. */
  #pickOther({ high, low }: Hash64, avoid: Candidate<E> | undefined): Candidate<E> | undefined {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const chosen = this.#ownerOf(remainderOf(~high >>> 0, (low ^ -attempt) >>> 0, this.#size));
      if (chosen.isEligible && chosen !== avoid) return chosen;
    }
    const first = remainderOf(high, low, this.#size);
    for (let slot = first; slot < first + this.#size; slot++) {
      const chosen = this.#ownerOf(slot % this.#size);
      if (chosen.isEligible && chosen !== avoid) return chosen;
    }
    // Who is left has no slot in a table that is too small for all.
    return this.#eligible[0] === avoid ? this.#eligible[1] : this.#eligible[0];
  }

  #ownerOf(slot: number): Candidate<E> {
    return this.#members[this.#table[slot] as number] as Candidate<E>;
  }
}

function fill(fillings: readonly Filling[], size: number): Uint32Array {
  const table = new Uint32Array(size).fill(FREE);
  const heaviest = fillings.reduce((max, { weight }) => Math.max(max, weight), 0);
  let filled = fillings.length === 0 ? size : 0;
  for (let turn = 1; filled < size; turn++) {
    for (const filling of fillings) {
      if (filled === size || turn * filling.weight < filling.target) continue;
      filling.target += heaviest;
      takeFreeSlot(filling, table);
      filled++;
    }
  }
  return table;
}

/** The next of its permutation that nobody has. */
function takeFreeSlot(filling: Filling, table: Uint32Array): void {
  while (table[filling.slot] !== FREE) filling.slot = (filling.slot + filling.skip) % table.length;
  table[filling.slot] = filling.member;
}

function slotOf({ high, low }: Hash64, slots: number): number {
  return remainderOf(high, low, slots);
}

function isPrime(value: number): boolean {
  if (!Number.isInteger(value) || value < 2) return false;
  for (let factor = 2; factor * factor <= value; factor++) if (value % factor === 0) return false;
  return true;
}
