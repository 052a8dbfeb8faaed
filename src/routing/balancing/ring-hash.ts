/**
 * Ketama's ring as Envoy builds it (`ring_hash_lb.cc`): every endpoint has places on a ring of hashes, as many as its weight says, and a
 * key belongs to the first place at or after its own hash. The same key reaches the same endpoint as through Envoy.
 *
 * While an endpoint is out, its keys go to the places behind its own and all others stay. (Envoy builds a smaller ring then.)
 */
import type { Candidate, Weighted } from "./candidate.ts";
import type { Picker, PickRequest } from "./picker.ts";
import { randomHash } from "./random-hash.ts";
import type { RingHashBalancing } from "./settings.ts";
import { sortByHash } from "./sort-by-hash.ts";
import { xxHash64 } from "./xxhash64.ts";

export class RingHashPicker<E extends Weighted> implements Picker<E> {
  readonly #settings: RingHashBalancing;
  readonly #random: () => number;
  #members: readonly Candidate<E>[] = [];
  #eligible: readonly Candidate<E>[] = [];
  // The ring in ascending order: halves of each hash, and the index of the member that it belongs to.
  #high = new Uint32Array(0);
  #low = new Uint32Array(0);
  #owner = new Uint32Array(0);

  constructor(settings: RingHashBalancing, random: () => number) {
    this.#settings = settings;
    this.#random = random;
  }

  update(members: readonly Candidate<E>[], weights: readonly number[]): void {
    this.#members = members;
    const places = placesOf(weights, this.#settings);
    const size = places.reduce((sum, count) => sum + count, 0);
    const high = new Uint32Array(size);
    const low = new Uint32Array(size);
    const owner = new Uint32Array(size);
    let at = 0;
    places.forEach((count, member) => {
      const { instance, hashKey = instance } = (members[member] as Candidate<E>).endpoint;
      for (let index = 0; index < count; index++) {
        const hash = xxHash64(`${hashKey}_${index}`);
        high[at] = hash.high;
        low[at] = hash.low;
        owner[at++] = member;
      }
    });
    const order = sortByHash(high, low);
    this.#high = order.map((index) => high[index] as number);
    this.#low = order.map((index) => low[index] as number);
    this.#owner = order.map((index) => owner[index] as number);
  }

  settle(eligible: readonly Candidate<E>[]): void {
    this.#eligible = eligible;
  }

  pick(_nowMs: number, { avoid, hash }: PickRequest<E>): Candidate<E> | undefined {
    if (this.#eligible.length <= 1) return this.#eligible[0];
    const { high, low } = hash ?? randomHash(this.#random);
    const size = this.#owner.length;
    let at = this.#firstFrom(high, low);
    for (let step = 0; step < size; step++) {
      const owner = this.#members[this.#owner[at] as number] as Candidate<E>;
      if (owner.isEligible && owner !== avoid) return owner;
      at = at + 1 === size ? 0 : at + 1;
    }
    // Who is left has no place on a ring that is too small for all.
    return this.#eligible[0] === avoid ? this.#eligible[1] : this.#eligible[0];
  }

  /** The first place whose hash is not below; the ring's first one after the last. */
  #firstFrom(high: number, low: number): number {
    let from = 0;
    let to = this.#owner.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const itsHigh = this.#high[middle] as number;
      if (itsHigh < high || (itsHigh === high && (this.#low[middle] as number) < low)) from = middle + 1;
      else to = middle;
    }
    return from === this.#owner.length ? 0 : from;
  }
}

/**
 * How many places each one gets. The lightest gets a whole number; others need not, and then sums of what is due decide who gets one
 * more. The arithmetic is Envoy's to the last bit, or rings would differ.
 */
function placesOf(
  weights: readonly number[],
  { minimumRingSize, maximumRingSize }: RingHashBalancing,
): readonly number[] {
  const least = weights.reduce((min, weight) => Math.min(min, weight), 1);
  const scale = Math.min(Math.ceil(least * minimumRingSize) / least, maximumRingSize);
  let given = 0;
  let due = 0;
  return weights.map((weight) => {
    due += scale * weight;
    const count = Math.max(0, Math.ceil(due) - given);
    given += count;
    return count;
  });
}
