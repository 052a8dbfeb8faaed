/**
 * Chooses among the endpoints of one service. How it does is the policy's; who may be chosen is decided here: an endpoint that cannot be
 * connected to is put aside for a growing while, since refusing fast looks like being idle, and one whose answers are bad is ejected.
 * When nobody is left, all are candidates again: some answer is better than none.
 */
import { Candidate, Standing, type Weighted } from "./balancing/candidate.ts";
import { Levels } from "./balancing/levels.ts";
import { OutlierDetector } from "./balancing/outlier-detection.ts";
import type { PickRequest } from "./balancing/picker.ts";
import { type BalancerSettings, PEAK_EWMA } from "./balancing/settings.ts";

const LEAST_REQUEST: BalancerSettings = { policy: { kind: "least-request" } };

export class Balancer<E extends Weighted> {
  readonly #random: () => number;
  readonly #standing = new Standing();
  #settings: BalancerSettings;
  #levels: Levels<E>;
  #candidates: readonly Candidate<E>[] = [];
  /** When it has to be looked anew who is usable, if nothing happens before. */
  #settleAtMs = Number.NEGATIVE_INFINITY;
  /** Reused, so that a selection allocates nothing. */
  readonly #avoiding: { avoid: Candidate<E> | undefined } = { avoid: undefined };

  /** `random` draws from [0, 1). */
  constructor(random: () => number, settings: BalancerSettings = LEAST_REQUEST) {
    this.#random = random;
    this.#settings = settings;
    this.#levels = new Levels(settings, random);
    this.#applySettings();
  }

  get candidates(): readonly Candidate<E>[] {
    return this.#candidates;
  }

  /** Balances in another way; what is known of the endpoints is kept. The same settings again change nothing. */
  configure(settings: BalancerSettings): void {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    this.#levels = new Levels(settings, this.#random);
    this.#applySettings();
    this.#levels.update(this.#candidates);
  }

  /** Replaces the endpoints; what is known of those that stay is kept. */
  update(endpoints: readonly E[]): void {
    const known = new Map(this.#candidates.map((candidate) => [candidate.endpoint.instance, candidate]));
    this.#candidates = endpoints.map((endpoint) => {
      const candidate = known.get(endpoint.instance) ?? new Candidate(endpoint, this.#standing);
      candidate.endpoint = endpoint;
      return candidate;
    });
    this.#standing.detector?.update(this.#candidates.map(({ outlier }) => outlier));
    this.#levels.update(this.#candidates);
    this.#standing.isStale = true;
  }

  /**
   * The endpoint for one request, not the one to `avoid` when there is another; undefined when there is none at all. A candidate alone
   * stands for the one to avoid. Allocates nothing, except when who is usable has changed.
   */
  select(nowMs: number, request?: Candidate<E> | PickRequest<E>): Candidate<E> | undefined {
    if (this.#standing.isStale || nowMs >= this.#settleAtMs) this.#settle(nowMs);
    if (request !== undefined && !(request instanceof Candidate)) return this.#levels.pick(nowMs, request);
    this.#avoiding.avoid = request;
    const chosen = this.#levels.pick(nowMs, this.#avoiding);
    this.#avoiding.avoid = undefined;
    return chosen;
  }

  #settle(nowMs: number): void {
    const { detector } = this.#standing;
    detector?.sweep(nowMs);
    this.#standing.isStale = false;
    this.#settleAtMs = Math.min(this.#levels.settle(nowMs), detector?.nextSweepMs ?? Number.POSITIVE_INFINITY);
  }

  #applySettings(): void {
    const { outlierDetection, policy } = this.#settings;
    const standing = this.#standing;
    standing.latency = policy.kind === "peak-ewma" ? policy : PEAK_EWMA;
    standing.detector = outlierDetection === undefined ? undefined : new OutlierDetector(outlierDetection);
    standing.detector?.update(this.#candidates.map(({ outlier }) => outlier));
    if (outlierDetection === undefined) for (const { outlier } of this.#candidates) outlier.readmit();
    standing.isStale = true;
  }
}
