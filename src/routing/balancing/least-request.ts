/**
 * Least request with the power of two choices: of two endpoints drawn at random the one with fewer requests in flight is taken.
 *
 * Full knowledge of the least loaded makes every caller stampede to it; two choices get nearly all of the gain without that
 * (Mitzenmacher, 2001). They are drawn by weight, so that idle endpoints share by weight, and compared by requests for their weight.
 */
import type { Candidate, Weighted } from "./candidate.ts";
import { drawOther, type Picker, type PickRequest } from "./picker.ts";
import { WeightedDraw } from "./weighted-draw.ts";

export class LeastRequestPicker<E extends Weighted> implements Picker<E> {
  readonly #random: () => number;
  readonly #draw: WeightedDraw<E>;
  #eligible: readonly Candidate<E>[] = [];

  constructor(random: () => number) {
    this.#random = random;
    this.#draw = new WeightedDraw(random);
  }

  update(): void {}

  settle(eligible: readonly Candidate<E>[]): void {
    this.#eligible = eligible;
    this.#draw.update(eligible);
  }

  pick(_nowMs: number, { avoid }: PickRequest<E>): Candidate<E> | undefined {
    if (this.#eligible.length <= 1) return this.#eligible[0];
    const first = this.#draw.draw() as Candidate<E>;
    const second = drawOther(this.#eligible, first, this.#random);
    const chosen = isLessLoaded(second, first) ? second : first;
    return chosen === avoid ? (this.#leastOfOthers(avoid) ?? chosen) : chosen;
  }

  #leastOfOthers(avoid: Candidate<E>): Candidate<E> | undefined {
    let least: Candidate<E> | undefined;
    for (const candidate of this.#eligible) {
      if (candidate !== avoid && (least === undefined || isLessLoaded(candidate, least))) least = candidate;
    }
    return least;
  }
}

/** By requests in flight for each share; multiplied across, which is cheaper than to divide. */
function isLessLoaded<E extends Weighted>(a: Candidate<E>, b: Candidate<E>): boolean {
  return a.inFlight * b.share < b.inFlight * a.share;
}
