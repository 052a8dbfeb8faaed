/**
 * What active health checks have found of one endpoint, and when the next is due. Checks themselves are made elsewhere; who makes them
 * says how each ended, and gives `isHealthy` to the balancer's candidate when it has changed.
 */

export interface HealthCheckSettings {
  readonly intervalMs: number;
  /** Up to so much of the interval is added by chance, so that many callers do not check in step. */
  readonly jitterPercent: number;
  /** Passes in a row after which it is healthy again. */
  readonly healthyThreshold: number;
  /** Failures in a row after which it is unhealthy. */
  readonly unhealthyThreshold: number;
  /** No traffic before the first pass, which alone is enough then. */
  readonly isPassNeededFirst: boolean;
}

export const HEALTH_CHECK_DEFAULTS: HealthCheckSettings = {
  intervalMs: 10_000,
  jitterPercent: 10,
  healthyThreshold: 2,
  unhealthyThreshold: 3,
  isPassNeededFirst: false,
};

export class HealthState {
  readonly #settings: HealthCheckSettings;
  readonly #random: () => number;
  /** `new` until the first check has ended. */
  #state: "new" | "healthy" | "unhealthy" = "new";
  /** Checks in a row that speak against the state. */
  #against = 0;
  #nextCheckMs: number;

  /** `random` draws from [0, 1). The first check is due at once if traffic waits for it, else at a random point of the interval. */
  constructor(settings: HealthCheckSettings, nowMs: number, random: () => number) {
    this.#settings = settings;
    this.#random = random;
    this.#nextCheckMs = settings.isPassNeededFirst ? nowMs : nowMs + settings.intervalMs * random();
  }

  get isHealthy(): boolean {
    return this.#state === "new" ? !this.#settings.isPassNeededFirst : this.#state === "healthy";
  }

  /** From the end of the last check. */
  get nextCheckMs(): number {
    return this.#nextCheckMs;
  }

  /** A check that ended now has passed. True when that changes `isHealthy`. */
  passed(nowMs: number): boolean {
    this.#plan(nowMs);
    const wasHealthy = this.isHealthy;
    this.#against = wasHealthy ? 0 : this.#against + 1;
    if (this.#state === "new" || this.#against >= this.#settings.healthyThreshold) this.#become("healthy");
    return !wasHealthy && this.isHealthy;
  }

  /** A check that ended now has failed, or took too long. True when that changes `isHealthy`. */
  failed(nowMs: number): boolean {
    this.#plan(nowMs);
    const wasHealthy = this.isHealthy;
    // Who needs a pass first is new until it passes, however often it fails before.
    if (this.#state === "new" && !wasHealthy) return false;
    if (this.#state === "new") this.#become("healthy");
    this.#against = wasHealthy ? this.#against + 1 : 0;
    if (this.#against >= this.#settings.unhealthyThreshold) this.#become("unhealthy");
    return wasHealthy && !this.isHealthy;
  }

  #become(state: "healthy" | "unhealthy"): void {
    this.#state = state;
    this.#against = 0;
  }

  #plan(nowMs: number): void {
    const { intervalMs, jitterPercent } = this.#settings;
    this.#nextCheckMs = nowMs + intervalMs * (1 + (jitterPercent / 100) * this.#random());
  }
}
