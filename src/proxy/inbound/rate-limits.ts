/** What requests to this workload have left of the limits in force, counted by this agent alone. */
import type { CompiledLimit, RequestAttributes } from "#policy";
import { CallerBuckets, TokenBucket, xxHash64 } from "#routing";
import { type FieldList, fieldValue } from "#wire/fields";

/** A request found no room. */
export interface Exceeded {
  /** Of several limits without room the one that has some last. */
  readonly limit: CompiledLimit;
  /** For the caller: how long to wait, and what there is to be had. */
  readonly fields: FieldList;
}

export class RateLimits {
  readonly #callersMax: number;
  #source: readonly CompiledLimit[] | undefined;
  #counters: readonly Counter[] | undefined;
  /** The buckets that one request draws from: there is one request at a time. */
  readonly #drawn: TokenBucket[] = [];

  /** `callersMax`: who are told apart by one limit at once; more share a bucket. */
  constructor(callersMax: number) {
    this.#callersMax = callersMax;
  }

  /** Whether there is anything to ask. */
  get isInForce(): boolean {
    return this.#counters !== undefined;
  }

  /** Puts other limits in force. One that is as before keeps what it has counted. */
  update(limits: readonly CompiledLimit[] | undefined, nowMs: number): void {
    if (limits === this.#source) return;
    this.#source = limits;
    const held = new Map((this.#counters ?? []).map((each) => [each.limit.identity, each]));
    this.#counters = limits?.map(
      (limit) => new Counter(limit, held.get(limit.identity)?.buckets ?? this.#begin(limit, nowMs)),
    );
  }

  /** Takes from every limit that counts the request, or, when one of them has no room, from none and says which. */
  take(request: RequestAttributes, fields: FieldList, nowMs: number): Exceeded | undefined {
    const drawn = this.#drawn;
    drawn.length = 0;
    let longestMs = 0;
    let short: CompiledLimit | undefined;
    let empty: TokenBucket | undefined;
    for (const counter of this.#counters ?? []) {
      if (!counter.limit.matches(request)) continue;
      const bucket = counter.bucketOf(request, fields, nowMs);
      drawn.push(bucket);
      const waitMs = bucket.waitMs(nowMs);
      if (waitMs <= longestMs) continue;
      longestMs = waitMs;
      short = counter.limit;
      empty = bucket;
    }
    if (short !== undefined && empty !== undefined) return exceeded(short, empty, nowMs);
    for (const bucket of drawn) bucket.take(nowMs);
    return undefined;
  }

  #begin({ burst, requests, perMs, by }: CompiledLimit, nowMs: number): TokenBucket | CallerBuckets {
    const settings = { capacity: burst, fill: requests, intervalMs: perMs };
    if (by.kind === "workload") return new TokenBucket(settings, nowMs);
    return new CallerBuckets(settings, nowMs, this.#callersMax);
  }
}

class Counter {
  readonly limit: CompiledLimit;
  readonly buckets: TokenBucket | CallerBuckets;

  constructor(limit: CompiledLimit, buckets: TokenBucket | CallerBuckets) {
    this.limit = limit;
    this.buckets = buckets;
  }

  bucketOf({ principal }: RequestAttributes, fields: FieldList, nowMs: number): TokenBucket {
    const { buckets } = this;
    if (buckets instanceof TokenBucket) return buckets;
    const { by } = this.limit;
    return buckets.bucketOf(by.kind === "header" ? keyOf(fieldValue(fields, by.name) ?? "") : principal, nowMs);
  }
}

/** A longer value is known by its hash, so that what is remembered of a caller is bounded. */
const KEY_CHARS_MAX = 128;

function keyOf(value: string): string {
  if (value.length <= KEY_CHARS_MAX) return value;
  const { high, low } = xxHash64(value);
  return `${value.length} ${high} ${low}`;
}

function exceeded(limit: CompiledLimit, bucket: TokenBucket, nowMs: number): Exceeded {
  const fields: FieldList = [
    "retry-after",
    wholeSeconds(bucket.waitMs(nowMs)),
    "x-ratelimit-limit",
    String(limit.burst),
    "x-ratelimit-remaining",
    "0",
    "x-ratelimit-reset",
    wholeSeconds(bucket.waitMs(nowMs, limit.burst)),
  ];
  return { limit, fields };
}

function wholeSeconds(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1000)));
}
