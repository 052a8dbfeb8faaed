/**
 * Tells honest use from a flood without a clock: frames that bring nothing use up credit, frames that bring something restore it.
 *
 * It bounds PING, SETTINGS, PRIORITY, WINDOW_UPDATE and empty DATA floods, and rapid reset (CVE-2023-44487), whose requests cost us
 * work and their sender nothing.
 */
export class FloodGuard {
  readonly #creditMax: number;
  #credit: number;

  constructor(creditMax: number) {
    this.#creditMax = creditMax;
    this.#credit = creditMax;
  }

  /** Returns false when the credit is used up: the connection should end with ENHANCE_YOUR_CALM. */
  spend(cost: number): boolean {
    this.#credit -= cost;
    return this.#credit >= 0;
  }

  earn(gain: number): void {
    this.#credit = Math.min(this.#creditMax, this.#credit + gain);
  }
}

/** A request that is reset before it was answered costs as much as this many idle frames. */
export const RESET_COST = 8;
/** What a request that is answered restores: a caller that gives up every other request is still honest. */
export const ANSWER_GAIN = 16;
