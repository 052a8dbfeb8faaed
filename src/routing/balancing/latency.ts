/**
 * Peak EWMA of the time to the first byte (Finagle, Linkerd): a slower answer counts at once and in full, a faster one by and by. Without
 * answers the estimate falls towards zero, so that an endpoint that was slow is tried again.
 */
import type { PeakEwmaBalancing } from "./settings.ts";

export class Latency {
  #ms = Number.NaN;
  #atMs = 0;

  /** What is expected of the next answer. */
  estimateMs({ decayMs, firstMs }: PeakEwmaBalancing, nowMs: number): number {
    if (Number.isNaN(this.#ms)) return firstMs;
    return this.#ms * Math.exp(Math.min(0, this.#atMs - nowMs) / decayMs);
  }

  /** An answer began after `ms`, or failed; a failure counts as the penalty at least. */
  observe(settings: PeakEwmaBalancing, ms: number, nowMs: number): void {
    if (Number.isNaN(this.#ms)) {
      this.#ms = ms;
    } else {
      const kept = Math.exp(Math.min(0, this.#atMs - nowMs) / settings.decayMs);
      this.#ms = Math.max(ms, this.#ms * kept + ms * (1 - kept));
    }
    this.#atMs = nowMs;
  }
}
