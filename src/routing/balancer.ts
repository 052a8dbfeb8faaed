/**
 * Least request with the power of two choices: of two endpoints drawn at random the one with fewer requests in flight is taken.
 *
 * Full knowledge of the least loaded makes every caller stampede to it; two choices get nearly all of the gain without that
 * (Mitzenmacher, 2001). An endpoint that cannot be connected to is put aside for a growing while, since refusing fast looks like
 * being idle. When all are aside, all are candidates again: some answer is better than none.
 */

export interface Weighted {
  /** Names the endpoint across updates. */
  readonly instance: string;
  /** Share of traffic relative to the others; at least 1. */
  readonly weight: number;
}

const ASIDE_MIN_MS = 250;
const ASIDE_MAX_MS = 10_000;

/** One endpoint with what the balancer knows of it. Kept while the endpoint stays, whatever else of it changes. */
export class Candidate<E extends Weighted> {
  endpoint: E;
  inFlight = 0;
  #failures = 0;
  #asideUntilMs = 0;

  constructor(endpoint: E) {
    this.endpoint = endpoint;
  }

  isAside(nowMs: number): boolean {
    return nowMs < this.#asideUntilMs;
  }

  /** A connection could not be made: it is put aside, twice as long each time in a row. */
  connectFailed(nowMs: number): void {
    const asideMs = Math.min(ASIDE_MAX_MS, ASIDE_MIN_MS * 2 ** Math.min(this.#failures, 10));
    this.#failures++;
    this.#asideUntilMs = nowMs + asideMs;
  }

  connected(): void {
    this.#failures = 0;
    this.#asideUntilMs = 0;
  }
}

export class Balancer<E extends Weighted> {
  readonly #random: () => number;
  #candidates: readonly Candidate<E>[] = [];

  /** `random` draws from [0, 1). */
  constructor(random: () => number) {
    this.#random = random;
  }

  get candidates(): readonly Candidate<E>[] {
    return this.#candidates;
  }

  /** Replaces the endpoints; what is known of those that stay is kept. */
  update(endpoints: readonly E[]): void {
    const known = new Map(this.#candidates.map((candidate) => [candidate.endpoint.instance, candidate]));
    this.#candidates = endpoints.map((endpoint) => {
      const candidate = known.get(endpoint.instance) ?? new Candidate(endpoint);
      candidate.endpoint = endpoint;
      return candidate;
    });
  }

  /** The endpoint for one request, not `avoid` when there is another; undefined when there is none at all. */
  select(nowMs: number, avoid?: Candidate<E>): Candidate<E> | undefined {
    const count = this.#candidates.length;
    if (count <= 1) return this.#candidates[0];
    const first = this.#draw(count);
    const second = this.#drawOther(count, first);
    const chosen = better(first, second, nowMs);
    if (!chosen.isAside(nowMs) && chosen !== avoid) return chosen;
    return this.#best(nowMs, avoid) ?? chosen;
  }

  #draw(count: number): Candidate<E> {
    const index = Math.floor(this.#random() * count);
    return this.#candidates[index] as Candidate<E>;
  }

  #drawOther(count: number, first: Candidate<E>): Candidate<E> {
    const index = Math.floor(this.#random() * (count - 1));
    const drawn = this.#candidates[index] as Candidate<E>;
    return drawn === first ? (this.#candidates[count - 1] as Candidate<E>) : drawn;
  }

  /** The least loaded of all but `avoid`: the rare case in which the draw gave nobody fit. */
  #best(nowMs: number, avoid: Candidate<E> | undefined): Candidate<E> | undefined {
    let best: Candidate<E> | undefined;
    for (const candidate of this.#candidates) {
      if (candidate === avoid) continue;
      best = best === undefined ? candidate : better(best, candidate, nowMs);
    }
    return best;
  }
}

function better<E extends Weighted>(a: Candidate<E>, b: Candidate<E>, nowMs: number): Candidate<E> {
  const aIsAside = a.isAside(nowMs);
  if (aIsAside !== b.isAside(nowMs)) return aIsAside ? b : a;
  return load(b) < load(a) ? b : a;
}

function load<E extends Weighted>({ inFlight, endpoint }: Candidate<E>): number {
  return (inFlight + 1) / Math.max(1, endpoint.weight);
}
