/**
 * Ketama's ring as Envoy builds it (`ring_hash_lb.cc`): every endpoint has places on a ring of hashes, as many as its weight says, and a
 * key belongs to the first place at or after its own hash. The same key reaches the same endpoint as through Envoy.
 *
 * While an endpoint is out, its keys go to the places behind its own and all others stay. (Envoy builds a smaller ring then.)
 */
import type { Candidate, Weighted } from "./candidate.ts";
import type { Picker, PickRequest } from "./picker.ts";
import { randomHash } from "./random-hash.ts";
import { ringPlaces, sortPlaces } from "./ring-places.ts";
import type { RingHashBalancing } from "./settings.ts";
import { Word64 } from "./word64.ts";
import { xxHash64 } from "./xxhash64.ts";

export class RingHashPicker<E extends Weighted> implements Picker<E> {
  readonly #settings: RingHashBalancing;
  readonly #random: () => number;
  #members: readonly Candidate<E>[] = [];
  #eligible: readonly Candidate<E>[] = [];
  /** In ascending order; owners are indices of members. */
  #ring = ringPlaces(0);

  constructor(settings: RingHashBalancing, random: () => number) {
    this.#settings = settings;
    this.#random = random;
  }

  update(members: readonly Candidate<E>[], weights: readonly number[]): void {
    this.#members = members;
    const counts = countsOf(weights, this.#settings);
    const places = ringPlaces(counts.reduce((sum, count) => sum + count, 0));
    let at = 0;
    counts.forEach((count, member) => {
      const { instance, hashKey = instance } = (members[member] as Candidate<E>).endpoint;
      for (let index = 0; index < count; index++) {
        const { high, low } = xxHash64(`${hashKey}_${index}`, 0, working);
        places.high[at] = high;
        places.low[at] = low;
        places.owner[at++] = member;
      }
    });
    this.#ring = sortPlaces(places);
  }

  settle(eligible: readonly Candidate<E>[]): void {
    this.#eligible = eligible;
  }

  pick(_nowMs: number, { avoid, hash }: PickRequest<E>): Candidate<E> | undefined {
    if (this.#eligible.length <= 1) return this.#eligible[0];
    const { high, low } = hash ?? randomHash(this.#random);
    const { owner: owners } = this.#ring;
    const size = owners.length;
    let at = this.#firstFrom(high, low);
    for (let step = 0; step < size; step++) {
      const owner = this.#members[owners[at] as number] as Candidate<E>;
      if (owner.isEligible && owner !== avoid) return owner;
      at = at + 1 === size ? 0 : at + 1;
    }
    // Who is left has no place on a ring that is too small for all.
    return this.#eligible[0] === avoid ? this.#eligible[1] : this.#eligible[0];
  }

  /** The first place whose hash is not below; the ring's first one after the last. */
  #firstFrom(high: number, low: number): number {
    const ring = this.#ring;
    const size = ring.high.length;
    let from = 0;
    let to = size;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const itsHigh = ring.high[middle] as number;
      if (itsHigh < high || (itsHigh === high && (ring.low[middle] as number) < low)) from = middle + 1;
      else to = middle;
    }
    return from === size ? 0 : from;
  }
}

/** Of one hash after the other while a ring is built. */
const working = new Word64();

/**
 * How many places each one gets. The lightest gets a whole number; others need not, and then sums of what is due decide who gets one
 * more. The arithmetic is Envoy's to the last bit, or rings would differ.
 */
function countsOf(
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
