/** Of two endpoints drawn at random the one whose answer is expected sooner: the time to the first byte, times the requests before it. */
import type { Candidate, Weighted } from "./candidate.ts";
import { drawOther, type Picker, type PickRequest } from "./picker.ts";

export class PeakEwmaPicker<E extends Weighted> implements Picker<E> {
  readonly #random: () => number;
  #eligible: readonly Candidate<E>[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  update(): void {}

  settle(eligible: readonly Candidate<E>[]): void {
    this.#eligible = eligible;
  }

  pick(nowMs: number, { avoid }: PickRequest<E>): Candidate<E> | undefined {
    const { length } = this.#eligible;
    if (length <= 1) return this.#eligible[0];
    const first = this.#eligible[Math.floor(this.#random() * length)] as Candidate<E>;
    const second = drawOther(this.#eligible, first, this.#random);
    const chosen = second.costMs(nowMs) < first.costMs(nowMs) ? second : first;
    return chosen === avoid ? this.#cheapestOfOthers(avoid, nowMs) : chosen;
  }

  #cheapestOfOthers(avoid: Candidate<E>, nowMs: number): Candidate<E> {
    let cheapest: Candidate<E> | undefined;
    for (const candidate of this.#eligible) {
      if (candidate === avoid) continue;
      if (cheapest === undefined || candidate.costMs(nowMs) < cheapest.costMs(nowMs)) cheapest = candidate;
    }
    return cheapest ?? avoid;
  }
}
