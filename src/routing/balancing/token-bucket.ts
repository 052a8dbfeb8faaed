/** Local rate limits: a bucket of tokens that fills with time, and one for each caller. */

export interface BucketSettings {
  /** What a burst may take, at least 1; a bucket begins full. */
  readonly capacity: number;
  /** Tokens for each interval, above 0. They come bit by bit and not at its end, so that callers need not wait for a stroke. */
  readonly fill: number;
  readonly intervalMs: number;
}

export class TokenBucket {
  readonly #settings: BucketSettings;
  #tokens: number;
  #filledMs: number;

  /** Times are milliseconds of any clock; when it goes back, nothing is filled until it has caught up. */
  constructor(settings: BucketSettings, nowMs: number) {
    this.#settings = settings;
    this.#tokens = settings.capacity;
    this.#filledMs = nowMs;
  }

  /** Takes so many tokens; false, and none are taken, when there are fewer. */
  take(nowMs: number, count = 1): boolean {
    this.#fill(nowMs);
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** How long until so many can be taken, if nobody takes any: for `retry-after`. Infinity if never. */
  waitMs(nowMs: number, count = 1): number {
    const { capacity, fill, intervalMs } = this.#settings;
    this.#fill(nowMs);
    if (count > capacity) return Number.POSITIVE_INFINITY;
    return Math.max(0, ((count - this.#tokens) * intervalMs) / fill);
  }

  /** As good as new: nothing is lost when it is forgotten. */
  isFull(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#tokens >= this.#settings.capacity;
  }

  #fill(nowMs: number): void {
    const passedMs = nowMs - this.#filledMs;
    if (passedMs <= 0) return;
    const { capacity, fill, intervalMs } = this.#settings;
    this.#filledMs = nowMs;
    this.#tokens = Math.min(capacity, this.#tokens + (passedMs * fill) / intervalMs);
  }
}

/** Buckets that are looked at for each new caller when there are too many. */
const LOOKS_MAX = 8;

/**
 * A bucket for each caller, and not more than so many. Full ones make room; while there are none, new callers share one bucket, so that
 * nobody gets a fresh one by coming under many names, or loses an empty one to somebody who does.
 */
export class CallerBuckets {
  readonly #settings: BucketSettings;
  readonly #callersMax: number;
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #shared: TokenBucket;

  constructor(settings: BucketSettings, nowMs: number, callersMax: number) {
    this.#settings = settings;
    this.#callersMax = callersMax;
    this.#shared = new TokenBucket(settings, nowMs);
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** The bucket of a caller, to be used at once and not kept. */
  bucketOf(caller: string, nowMs: number): TokenBucket {
    const known = this.#buckets.get(caller);
    if (known !== undefined) return known;
    if (this.#buckets.size >= this.#callersMax && !this.#makeRoom(nowMs)) return this.#shared;
    const bucket = new TokenBucket(this.#settings, nowMs);
    this.#buckets.set(caller, bucket);
    return bucket;
  }

  /** Forgets the first full bucket of the next few; others go to the end of the row, so that all have their turn. */
  #makeRoom(nowMs: number): boolean {
    let looks = 0;
    for (const [caller, bucket] of this.#buckets) {
      this.#buckets.delete(caller);
      if (bucket.isFull(nowMs)) return true;
      this.#buckets.set(caller, bucket);
      if (++looks === LOOKS_MAX) return false;
    }
    return false;
  }
}
