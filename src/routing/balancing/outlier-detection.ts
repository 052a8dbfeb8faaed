/**
 * Outlier detection: an endpoint with too many bad answers in a row gets no traffic for a while, longer each time. The meaning is that
 * of Istio's DestinationRule on Envoy (`outlier_detection_impl.cc`). Endpoints return, and are forgiven, at the ends of intervals only;
 * `sweep` may be late, and then does what it would have done.
 */

export interface OutlierSettings {
  /** Answers of 500 to 599 in a row; 0: off. */
  readonly consecutive5xxErrors: number;
  /** Answers of 502, 503 and 504 in a row, which count above too; 0: off. */
  readonly consecutiveGatewayErrors: number;
  /** Failures in a row to get an answer at all. Counted apart only when they are split; 0: off. */
  readonly consecutiveLocalOriginFailures: number;
  /** Otherwise a failure to get an answer counts as one of 503. */
  readonly splitExternalLocalOriginErrors: boolean;
  readonly intervalMs: number;
  /** Times how often in a row it was ejected. */
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  /** Of all endpoints; one may be ejected always. */
  readonly maxEjectionPercent: number;
  /** With fewer usable endpoints than this in a group, all of the group get traffic; 0: never, while one is usable. */
  readonly minHealthPercent: number;
}

/** What an empty `outlierDetection` block means. */
export const OUTLIER_DEFAULTS: OutlierSettings = {
  consecutive5xxErrors: 5,
  consecutiveGatewayErrors: 0,
  consecutiveLocalOriginFailures: 5,
  splitExternalLocalOriginErrors: false,
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjectionPercent: 10,
  minHealthPercent: 0,
};

const SERVICE_UNAVAILABLE = 503;

/** What is known of one endpoint. */
export class OutlierRecord {
  serverErrors = 0;
  gatewayErrors = 0;
  localFailures = 0;
  /** How many base times the last ejection took; falls by one for each interval without one. */
  multiplier = 0;
  isEjected = false;
  ejectedUntilMs = 0;

  readmit(): void {
    this.isEjected = false;
    // A counter that was near its limit would eject it again for very little.
    this.serverErrors = 0;
    this.gatewayErrors = 0;
    this.localFailures = 0;
  }
}

export class OutlierDetector {
  readonly #settings: OutlierSettings;
  #records: readonly OutlierRecord[] = [];
  #sweptMs: number | undefined;

  constructor(settings: OutlierSettings) {
    this.#settings = settings;
  }

  /** Replaces the endpoints that are watched. */
  update(records: readonly OutlierRecord[]): void {
    this.#records = records;
  }

  /** An answer came; for gRPC the status of HTTP that its own stands for. True when the endpoint is ejected for it. */
  answered(record: OutlierRecord, status: number, nowMs: number): boolean {
    record.localFailures = 0;
    return this.#count(record, status, nowMs);
  }

  /** No answer came: no connection, a reset, a timeout. True when the endpoint is ejected for it. */
  failedLocally(record: OutlierRecord, nowMs: number): boolean {
    const { splitExternalLocalOriginErrors, consecutiveLocalOriginFailures } = this.#settings;
    if (!splitExternalLocalOriginErrors) return this.#count(record, SERVICE_UNAVAILABLE, nowMs);
    record.localFailures++;
    if (record.localFailures !== consecutiveLocalOriginFailures) return false;
    record.localFailures = 0;
    return this.#eject(record, nowMs);
  }

  /** Ends the intervals that are over. True when an endpoint came back. */
  sweep(nowMs: number): boolean {
    const { intervalMs } = this.#settings;
    this.#sweptMs ??= nowMs;
    const intervals = Math.floor((nowMs - this.#sweptMs) / intervalMs);
    if (intervals < 1) return false;
    let hasReturned = false;
    for (const record of this.#records) {
      let healthyIntervals = intervals;
      if (record.isEjected) {
        healthyIntervals -= Math.max(1, Math.ceil((record.ejectedUntilMs - this.#sweptMs) / intervalMs));
        if (healthyIntervals < 0) continue;
        record.readmit();
        hasReturned = true;
      }
      record.multiplier = Math.max(0, record.multiplier - healthyIntervals);
    }
    this.#sweptMs += intervals * intervalMs;
    return hasReturned;
  }

  /** When the interval ends; at once before the first one. */
  get nextSweepMs(): number {
    return this.#sweptMs === undefined ? Number.NEGATIVE_INFINITY : this.#sweptMs + this.#settings.intervalMs;
  }

  #count(record: OutlierRecord, status: number, nowMs: number): boolean {
    if (status < 500 || status > 599) {
      record.serverErrors = 0;
      record.gatewayErrors = 0;
      return false;
    }
    const { consecutiveGatewayErrors, consecutive5xxErrors } = this.#settings;
    const isGatewayError = status >= 502 && status <= 504;
    record.gatewayErrors = isGatewayError ? record.gatewayErrors + 1 : 0;
    record.serverErrors++;
    const isGatewayFull = isGatewayError && record.gatewayErrors === consecutiveGatewayErrors;
    const isServerFull = record.serverErrors === consecutive5xxErrors;
    // Counted anew even if it may not be ejected now, so that the next row of errors is seen.
    if (isGatewayFull) record.gatewayErrors = 0;
    if (isServerFull) record.serverErrors = 0;
    return (isGatewayFull || isServerFull) && this.#eject(record, nowMs);
  }

  #eject(record: OutlierRecord, nowMs: number): boolean {
    // Intervals that are over count as what they were, healthy or not, before this one does.
    this.sweep(nowMs);
    if (record.isEjected || !this.#mayEject()) return false;
    const { baseEjectionMs } = this.#settings;
    const maxMs = Math.max(this.#settings.maxEjectionMs, baseEjectionMs);
    if (record.multiplier * baseEjectionMs < maxMs + baseEjectionMs) record.multiplier++;
    record.ejectedUntilMs = nowMs + Math.min(maxMs, record.multiplier * baseEjectionMs);
    record.isEjected = true;
    return true;
  }

  #mayEject(): boolean {
    let ejected = 0;
    for (const record of this.#records) if (record.isEjected) ejected++;
    if (ejected === 0) return true;
    return (100 * (ejected + 1)) / this.#records.length <= this.#settings.maxEjectionPercent;
  }
}
