/** One endpoint with what the balancer knows of it. Kept while the endpoint stays, whatever else of it changes. */
import { Latency } from "./latency.ts";
import type { Located } from "./locality.ts";
import { type OutlierDetector, OutlierRecord } from "./outlier-detection.ts";
import { PEAK_EWMA, type PeakEwmaBalancing } from "./settings.ts";
import { nextWarmthMs, type Warmup, warmth } from "./slow-start.ts";

export interface Weighted extends Located {
  /** Names the endpoint across updates. */
  readonly instance: string;
  /** Share of traffic relative to the others; at least 1. */
  readonly weight: number;
  /** What ring hash and Maglev place it by: `hash_key` of Envoy's metadata, or `address:port`; the instance when absent. */
  readonly hashKey?: string | undefined;
}

/** What the candidates of one balancer share. */
export class Standing {
  /** Somebody became usable, or stopped to be. */
  isStale = true;
  detector: OutlierDetector | undefined;
  latency: PeakEwmaBalancing = PEAK_EWMA;
}

const ASIDE_MIN_MS = 250;
const ASIDE_MAX_MS = 10_000;

export class Candidate<E extends Weighted> {
  endpoint: E;
  inFlight = 0;
  /** Whether it may be drawn; all may when none is usable. Kept by the balancer. */
  isEligible = true;
  /** Its weight relative to the mean of its group. Kept by the balancer. */
  share = 1;
  readonly outlier = new OutlierRecord();
  readonly #standing: Standing;
  readonly #latency = new Latency();
  #failures = 0;
  #asideUntilMs = 0;
  /** Since when it is there; unknown until the next selection. */
  #sinceMs = Number.NaN;

  constructor(endpoint: E, standing: Standing) {
    this.endpoint = endpoint;
    this.#standing = standing;
  }

  isAside(nowMs: number): boolean {
    return nowMs < this.#asideUntilMs;
  }

  /** No connection, or none that gave an answer: it is put aside, twice as long each time in a row, and judged by outlier detection. */
  connectFailed(nowMs: number): void {
    const asideMs = Math.min(ASIDE_MAX_MS, ASIDE_MIN_MS * 2 ** Math.min(this.#failures, 10));
    this.#failures++;
    this.#asideUntilMs = nowMs + asideMs;
    this.#standing.isStale = true;
    this.failed(nowMs);
  }

  connected(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#asideUntilMs = 0;
    this.outlier.localFailures = 0;
    this.#standing.isStale = true;
  }

  /**
   * An answer began after `firstByteMs`. For gRPC the status is that of HTTP that its own stands for; for bytes without HTTP, 200 when
   * the peer has taken the connection.
   */
  answered(nowMs: number, status: number, firstByteMs: number): void {
    const { detector, latency } = this.#standing;
    const ms = status >= 500 ? Math.max(firstByteMs, latency.penaltyMs) : firstByteMs;
    this.#latency.observe(latency, ms, nowMs);
    if (detector?.answered(this.outlier, status, nowMs) === true) this.#standing.isStale = true;
  }

  /** The request got no answer, though there may be a connection: a reset, a timeout. */
  failed(nowMs: number): void {
    const { detector, latency } = this.#standing;
    this.#latency.observe(latency, latency.penaltyMs, nowMs);
    if (detector?.failedLocally(this.outlier, nowMs) === true) this.#standing.isStale = true;
  }

  isUsable(nowMs: number): boolean {
    return !this.outlier.isEjected && nowMs >= this.#asideUntilMs;
  }

  /** Its weight as far as it is warmed up. */
  weightAt(warmup: Warmup | undefined, nowMs: number): number {
    if (Number.isNaN(this.#sinceMs)) this.#sinceMs = nowMs;
    return Math.max(1, this.endpoint.weight) * warmth(warmup, this.#sinceMs, nowMs);
  }

  /** When time alone will change whether it is usable, or its weight. */
  nextChangeMs(warmup: Warmup | undefined, nowMs: number): number {
    const returnsMs = nowMs < this.#asideUntilMs ? this.#asideUntilMs : Number.POSITIVE_INFINITY;
    return Math.min(returnsMs, nextWarmthMs(warmup, this.#sinceMs, nowMs));
  }

  /** The expected time to an answer: of one request, times those that wait already, by weight. */
  costMs(nowMs: number): number {
    return (this.#latency.estimateMs(this.#standing.latency, nowMs) * (this.inFlight + 1)) / this.share;
  }
}

/** `ip:port` as Envoy writes it, to be a `hashKey`. */
export function hashKeyOf(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
