/** Addresses by which callers without identity are told apart: so many at once, since strangers choose how many there are. */
export class CallerNames {
  readonly #max: number;
  readonly #keptMs: number;
  /** When each was last taken, in the order of that. */
  readonly #takenMs = new Map<string, number>();

  /** A name is kept for so long after it was last taken: no shorter than what is counted under it. */
  constructor(max: number, keptMs: number) {
    this.#max = max;
    this.#keptMs = keptMs;
  }

  /** The address itself, or "" for one of many. */
  take(address: string, nowMs: number): string {
    const isKnown = this.#takenMs.delete(address);
    if (!isKnown && this.#takenMs.size >= this.#max && !this.#dropOldest(nowMs)) return "";
    this.#takenMs.set(address, nowMs);
    return address;
  }

  #dropOldest(nowMs: number): boolean {
    const [oldest] = this.#takenMs;
    return oldest !== undefined && oldest[1] + this.#keptMs <= nowMs && this.#takenMs.delete(oldest[0]);
  }
}
