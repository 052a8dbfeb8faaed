/** Endpoints that are drawn from together, by one picker. */
import type { Candidate, Weighted } from "./candidate.ts";
import type { Picker } from "./picker.ts";
import type { Warmup } from "./slow-start.ts";

export class Pool<E extends Weighted> {
  readonly picker: Picker<E>;
  /** The share of what its level gets, relative to the level's other pools. */
  weight = 1;
  usable = 0;
  #members: readonly Candidate<E>[] = [];
  #keys: readonly string[] = [];
  #weights: readonly number[] = [];
  readonly #eligible: Candidate<E>[] = [];

  constructor(picker: Picker<E>) {
    this.picker = picker;
  }

  get total(): number {
    return this.#members.length;
  }

  /** Weights make 1 together. Tables are built anew only when something has changed. */
  update(members: readonly Candidate<E>[], weights: readonly number[]): void {
    const keys = members.map(({ endpoint: { instance, hashKey = instance } }) => hashKey);
    const isSame = isEqual(members, this.#members) && isEqual(weights, this.#weights) && isEqual(keys, this.#keys);
    this.#members = members;
    this.#weights = weights;
    this.#keys = keys;
    if (!isSame) this.picker.update(members, weights);
  }

  countUsable(nowMs: number): void {
    this.usable = 0;
    for (const member of this.#members) if (member.isUsable(nowMs)) this.usable++;
  }

  /** Sets who may be drawn, and each one's share. Returns when time alone will change that. */
  settle(nowMs: number, warmup: Warmup | undefined, isPanicking: boolean): number {
    this.#eligible.length = 0;
    let weights = 0;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const member of this.#members) {
      member.isEligible = isPanicking || member.isUsable(nowMs);
      member.share = member.weightAt(warmup, nowMs);
      nextMs = Math.min(nextMs, member.nextChangeMs(warmup, nowMs));
      if (!member.isEligible) continue;
      this.#eligible.push(member);
      weights += member.share;
    }
    const mean = weights / this.#eligible.length;
    for (const member of this.#eligible) member.share /= mean;
    this.picker.settle(this.#eligible);
    return nextMs;
  }
}

function isEqual(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index]);
}
