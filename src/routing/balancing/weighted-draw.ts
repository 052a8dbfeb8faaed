/** Draws from candidates by their share in constant time (Vose's alias method); by index alone when all shares are equal. */
import type { Candidate, Weighted } from "./candidate.ts";

export class WeightedDraw<E extends Weighted> {
  readonly #random: () => number;
  #candidates: readonly Candidate<E>[] = [];
  #isEven = true;
  /** The chance that a column's own candidate is taken and not its alias. */
  #own = new Float64Array(0);
  #alias = new Uint32Array(0);

  constructor(random: () => number) {
    this.#random = random;
  }

  /** `share` of each is relative to their mean. */
  update(candidates: readonly Candidate<E>[]): void {
    this.#candidates = candidates;
    this.#isEven = candidates.every(({ share }) => share === candidates[0]?.share);
    if (!this.#isEven) this.#build();
  }

  draw(): Candidate<E> | undefined {
    const drawn = this.#random() * this.#candidates.length;
    const column = Math.floor(drawn);
    if (this.#isEven || drawn - column < (this.#own[column] as number)) return this.#candidates[column];
    return this.#candidates[this.#alias[column] as number];
  }

  /** Each column is filled up to 1: by who has less, and an alias who has more. */
  #build(): void {
    const { length } = this.#candidates;
    const own = Float64Array.from(this.#candidates, ({ share }) => share);
    const alias = Uint32Array.from({ length }, (_, index) => index);
    const small: number[] = [];
    const large: number[] = [];
    for (const [index, share] of own.entries()) (share < 1 ? small : large).push(index);
    while (small.length > 0 && large.length > 0) {
      const less = small.pop() as number;
      const more = large.pop() as number;
      alias[less] = more;
      own[more] = (own[more] as number) - (1 - (own[less] as number));
      ((own[more] as number) < 1 ? small : large).push(more);
    }
    // What rounding left.
    for (const index of [...small, ...large]) own[index] = 1;
    this.#own = own;
    this.#alias = alias;
  }
}
