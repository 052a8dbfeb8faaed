/**
 * How many requests may be sent again. Each one sent adds a fifth of a retry, and ten a second come by themselves, so that a service
 * that is hardly called may be retried too; a service that fails altogether is not given twice its load.
 */

/** Retries for each request (Linkerd's `retryRatio`). */
const RATIO = 0.2;
/** Retries a second without any requests (Linkerd's `minRetriesPerSecond`). */
const PER_SECOND = 10;
/** What can be saved up: ten seconds' worth (Linkerd's `ttl`). */
const SAVED_MAX = 100;

export class RetryBudget {
  #saved = SAVED_MAX;
  #filledMs: number;

  /** Times are milliseconds of any clock that does not jump. */
  constructor(nowMs: number) {
    this.#filledMs = nowMs;
  }

  /** A request was sent for the first time. */
  deposit(): void {
    this.#saved = Math.min(SAVED_MAX, this.#saved + RATIO);
  }

  /** Takes one retry; false when there is none left. */
  withdraw(nowMs: number): boolean {
    const passed = Math.max(0, nowMs - this.#filledMs);
    this.#filledMs = nowMs;
    this.#saved = Math.min(SAVED_MAX, this.#saved + (passed / 1000) * PER_SECOND);
    if (this.#saved < 1) return false;
    this.#saved--;
    return true;
  }
}
