/**
 * Limits on what is under way towards one service: Envoy's circuit breakers, Istio's `connectionPool`. What is above a limit is refused
 * at once, so that a slow service does not fill its callers. (Bad endpoints are the matter of outlier detection.)
 */

export interface CircuitLimits {
  /** `tcp.maxConnections` */
  readonly connections: number;
  /** Requests that wait for a connection: `http1MaxPendingRequests`. */
  readonly pendingRequests: number;
  /** Requests under way: `http2MaxRequests`. */
  readonly requests: number;
  /** Of these, repetitions: `maxRetries`. */
  readonly retries: number;
}

/** What is used up. */
export type Limited = keyof CircuitLimits;

/** Istio's limits where none are given. */
const UNLIMITED = 2 ** 32 - 1;

export class CircuitBreaker {
  #limits: CircuitLimits;
  readonly #used: Record<Limited, number> = { connections: 0, pendingRequests: 0, requests: 0, retries: 0 };
  readonly #refused: Record<Limited, number> = { connections: 0, pendingRequests: 0, requests: 0, retries: 0 };

  constructor(limits: Partial<CircuitLimits> = {}) {
    this.#limits = whole(limits);
  }

  /** Other limits from now on. What is under way above them may end; nothing new begins before. */
  configure(limits: Partial<CircuitLimits>): void {
    this.#limits = whole(limits);
  }

  /** Takes one, to be released when it has ended; false when the limit is reached. */
  tryAcquire(what: Limited): boolean {
    if (this.#used[what] >= this.#limits[what]) {
      this.#refused[what]++;
      return false;
    }
    this.#used[what]++;
    return true;
  }

  /** One has ended. One too many is ignored: a limit that lets too many through is worse. */
  release(what: Limited): void {
    if (this.#used[what] > 0) this.#used[what]--;
  }

  used(what: Limited): number {
    return this.#used[what];
  }

  /** How many were refused so far. */
  refused(what: Limited): number {
    return this.#refused[what];
  }
}

function whole(limits: Partial<CircuitLimits>): CircuitLimits {
  const { connections = UNLIMITED, pendingRequests = UNLIMITED, requests = UNLIMITED, retries = UNLIMITED } = limits;
  return { connections, pendingRequests, requests, retries };
}
