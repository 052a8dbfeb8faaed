/** An endpoint at random, by weight. */
import type { Candidate, Weighted } from "./candidate.ts";
import { drawOther, type Picker, type PickRequest } from "./picker.ts";
import { WeightedDraw } from "./weighted-draw.ts";

/** Draws by weight that may meet the one to avoid, before one is drawn regardless of weight. */
const DRAWS_MAX = 4;

export class RandomPicker<E extends Weighted> implements Picker<E> {
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
    for (let draw = 0; draw < DRAWS_MAX; draw++) {
      const drawn = this.#draw.draw();
      if (drawn !== avoid) return drawn;
    }
    return avoid === undefined ? this.#draw.draw() : drawOther(this.#eligible, avoid, this.#random);
  }
}
