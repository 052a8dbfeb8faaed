import type { Clock } from "#engine/time";

export interface PeerLimits {
  /** Requests that a peer may make at once. */
  readonly burst: number;
  /** Requests that a peer may make for ever, a second. */
  readonly perSecond: number;
  /** Peers that are told apart. Beyond it the longest idle one is forgotten. */
  readonly peerCountMax: number;
}

interface Bucket {
  level: number;
  filledAtUs: number;
}

/** A token bucket a peer, bounded in number: stops one host from guessing tokens or keeping the server busy. */
export class PeerLimiter {
  readonly #limits: PeerLimits;
  readonly #clock: Pick<Clock, "nowUs">;
  /** In order of last use. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(limits: PeerLimits, clock: Pick<Clock, "nowUs">) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Takes `cost` from the peer's bucket; false, and nothing taken, when it holds less. */
  admit(peer: string, cost = 1): boolean {
    const bucket = this.#bucketOf(peer);
    if (bucket.level < cost) return false;
    bucket.level -= cost;
    return true;
  }

  /** Takes `cost` even from an empty bucket, down to one burst of debt: what a failed attempt costs beside its admission. */
  charge(peer: string, cost: number): void {
    const bucket = this.#bucketOf(peer);
    bucket.level = Math.max(bucket.level - cost, -this.#limits.burst);
  }

  #bucketOf(peer: string): Bucket {
    const nowUs = this.#clock.nowUs();
    const bucket = this.#buckets.get(peer) ?? { level: this.#limits.burst, filledAtUs: nowUs };
    const seconds = Math.max(0, nowUs - bucket.filledAtUs) / 1_000_000;
    bucket.level = Math.min(this.#limits.burst, bucket.level + seconds * this.#limits.perSecond);
    bucket.filledAtUs = nowUs;
    this.#buckets.delete(peer);
    this.#buckets.set(peer, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > this.#limits.peerCountMax && oldest !== undefined) this.#buckets.delete(oldest);
    return bucket;
  }
}
