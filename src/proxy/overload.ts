/**
 * Sheds what an agent cannot keep up with: when its loop comes back late again and again, a growing share of new requests is refused at
 * once, so that those that are let in are answered in time. Late by less is a busy machine, not an overload.
 */

const STEP = 0.1;
/** Some are always let in: otherwise nobody would see that it is over. */
const SHARE_MAX = 0.9;
/** Late looks in a row before the first is refused. */
const LATE_MIN = 3;

export class Overload {
  readonly #lateMs: number;
  #lateInARow = 0;
  #share = 0;

  /** `lateMs`: how late is too late. */
  constructor(lateMs: number) {
    this.#lateMs = lateMs;
  }

  /** The share of new requests that is refused now, 0..0.9. */
  get share(): number {
    return this.#share;
  }

  /** How late the loop came back, ten times a second. */
  observe(lateMs: number): void {
    this.#lateInARow = lateMs > this.#lateMs ? this.#lateInARow + 1 : 0;
    if (this.#lateInARow >= LATE_MIN) this.#share = Math.min(SHARE_MAX, this.#share + STEP);
    else if (this.#lateInARow === 0) this.#share = Math.max(0, this.#share - STEP);
  }

  /** Whether a new request is refused; `random` draws from [0, 1). */
  sheds(random: () => number): boolean {
    return this.#share > 0 && random() < this.#share;
  }
}
