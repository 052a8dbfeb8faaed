import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CallerBuckets, TokenBucket } from "../index.ts";

const TEN_A_SECOND = { capacity: 5, fill: 10, intervalMs: 1000 };

const takeAll = (bucket: TokenBucket, nowMs: number): number => {
  let taken = 0;
  while (bucket.take(nowMs)) taken++;
  return taken;
};

test("a burst takes what is there, and tokens come back bit by bit", () => {
  const bucket = new TokenBucket(TEN_A_SECOND, 0);
  expect(takeAll(bucket, 0)).toBe(5);
  expect(bucket.take(99)).toBe(false);
  expect(bucket.take(100)).toBe(true);
  expect(takeAll(bucket, 350)).toBe(2);
  expect(takeAll(bucket, 60_000)).toBe(5);
});

test("it says how long to wait", () => {
  const bucket = new TokenBucket(TEN_A_SECOND, 0);
  expect(bucket.waitMs(0)).toBe(0);
  takeAll(bucket, 0);
  expect([bucket.waitMs(0), bucket.waitMs(30), bucket.waitMs(30, 3), bucket.waitMs(30, 6)]).toEqual([
    100,
    70,
    270,
    Number.POSITIVE_INFINITY,
  ]);
});

test("more than one token is taken whole or not at all", () => {
  const bucket = new TokenBucket(TEN_A_SECOND, 0);
  expect([bucket.take(0, 3), bucket.take(0, 3), bucket.take(0, 2)]).toEqual([true, false, true]);
});

test("a clock that goes back fills nothing twice", () => {
  const bucket = new TokenBucket(TEN_A_SECOND, 1000);
  takeAll(bucket, 1000);
  expect([bucket.take(0), bucket.take(1000), bucket.take(1099)]).toEqual([false, false, false]);
  expect(bucket.take(1100)).toBe(true);
});

test("no order of requests gets more than a burst and what time brings", () => {
  const settings = fc.record({
    capacity: fc.integer({ min: 1, max: 50 }),
    fill: fc.integer({ min: 1, max: 100 }),
    intervalMs: fc.integer({ min: 1, max: 60_000 }),
  });
  const steps = fc.array(fc.record({ passMs: fc.nat(500), count: fc.integer({ min: 1, max: 5 }) }), { maxLength: 200 });
  fc.assert(
    fc.property(settings, steps, (each, requests) => {
      const bucket = new TokenBucket(each, 0);
      let [nowMs, taken] = [0, 0];
      for (const { passMs, count } of requests) {
        nowMs += passMs;
        if (bucket.take(nowMs, count)) taken += count;
      }
      expect(taken).toBeLessThanOrEqual(each.capacity + (nowMs * each.fill) / each.intervalMs + 1e-6);
    }),
  );
});

describe("a bucket for each caller", () => {
  test("callers do not take from each other", () => {
    const callers = new CallerBuckets(TEN_A_SECOND, 0, 10);
    expect(takeAll(callers.bucketOf("a", 0), 0)).toBe(5);
    expect(callers.bucketOf("a", 0).take(0)).toBe(false);
    expect(callers.bucketOf("b", 0).take(0)).toBe(true);
  });

  test("full buckets make room", () => {
    const callers = new CallerBuckets(TEN_A_SECOND, 0, 2);
    takeAll(callers.bucketOf("busy", 0), 0);
    callers.bucketOf("idle", 0);
    expect(callers.bucketOf("new", 0).take(0)).toBe(true);
    expect(callers.size).toBe(2);
    expect(callers.bucketOf("busy", 0).take(0)).toBe(false);
  });

  test("while none is full, new callers share one", () => {
    const callers = new CallerBuckets(TEN_A_SECOND, 0, 3);
    for (const caller of ["a", "b", "c"]) callers.bucketOf(caller, 0).take(0);
    const taken = Array.from({ length: 100 }, (_, name) => callers.bucketOf(`flood-${name}`, 0).take(0));
    expect(taken.filter(Boolean).length).toBe(5);
    expect(callers.size).toBe(3);
    // Later theirs are full, and everybody may have one.
    expect(callers.bucketOf("late", 10_000).take(10_000)).toBe(true);
    expect(callers.size).toBe(3);
  });

  test("a full bucket is found among many that are not", () => {
    const callers = new CallerBuckets(TEN_A_SECOND, 0, 1000);
    for (let index = 0; index < 1000; index++) callers.bucketOf(`c${index}`, 0).take(0, index === 500 ? 0 : 1);
    const tries = Array.from({ length: 70 }, (_, name) => callers.bucketOf(`new-${name}`, 0).take(0, 5));
    // The first of them empties what they share; the one that comes when the full one is found gets its place.
    expect(tries.flatMap((isTaken, index) => (isTaken ? [index] : []))).toEqual([0, 62]);
    expect(callers.size).toBe(1000);
  });
});
