import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  addBuckets,
  BUCKET_COUNT,
  BUCKET_UPPER_US,
  bucketOf,
  ISTIO_BOUNDARIES,
  ISTIO_BUCKETS,
  istioBucketOf,
  mergeBuckets,
  quantileUs,
  sparseBuckets,
} from "./buckets.ts";

const duration = fc.double({ min: 0, max: 5e9, noNaN: true });

function histogram(values: readonly number[]): number[] {
  const dense = new Uint32Array(BUCKET_COUNT);
  for (const value of values) dense[bucketOf(value)]!++;
  return sparseBuckets(dense);
}

test("a duration falls into the first bucket whose upper bound is not below it", () => {
  fc.assert(
    fc.property(duration, (us) => {
      expect(bucketOf(us)).toBe(BUCKET_UPPER_US.findIndex((upper) => upper >= us));
    }),
  );
});

test("each bound belongs to its own bucket, and just above it to the next", () => {
  for (let index = 0; index < BUCKET_COUNT - 1; index++) {
    const upper = BUCKET_UPPER_US[index]!;
    expect(bucketOf(upper)).toBe(index);
    expect(bucketOf(upper * (1 + 1e-12))).toBe(index + 1);
  }
});

test("every boundary of Istio's histograms is a bound, so counts below it are exact", () => {
  expect(ISTIO_BUCKETS.every((index) => index >= 0)).toBe(true);
  expect(ISTIO_BUCKETS.map((index) => BUCKET_UPPER_US[index]! / 1000)).toEqual([...ISTIO_BOUNDARIES]);
});

test("buckets above 10 µs are at most 10 % wide", () => {
  for (let index = 1; index < BUCKET_COUNT - 1; index++)
    expect(BUCKET_UPPER_US[index]! / BUCKET_UPPER_US[index - 1]!).toBeLessThanOrEqual(1.1 + 1e-9);
});

test("a quantile is at most 5 % off the exact one", () => {
  const values = fc.array(fc.double({ min: 11, max: 3.5e9, noNaN: true }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (list, q) => {
      const exact = list.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(q * list.length)) - 1]!;
      const found = quantileUs(histogram(list), q)!;
      expect(Math.abs(found - exact) / exact).toBeLessThanOrEqual(0.05);
    }),
  );
});

test("merging is adding", () => {
  fc.assert(
    fc.property(fc.array(duration), fc.array(duration), (first, second) => {
      expect(mergeBuckets(histogram(first), histogram(second))).toEqual(histogram([...first, ...second]));
    }),
  );
});

test("odd input harms nothing", () => {
  expect([bucketOf(-1), bucketOf(Number.NaN), bucketOf(Number.POSITIVE_INFINITY)]).toEqual([0, 0, BUCKET_COUNT - 1]);
  expect(quantileUs([], 0.5)).toBeUndefined();
  const dense = new Uint32Array(BUCKET_COUNT);
  addBuckets(dense, [99_999, 3, -4, 1, 2, 5]);
  expect(sparseBuckets(dense)).toEqual([2, 5]);
  expect([istioBucketOf(0), istioBucketOf(1), istioBucketOf(1e12)]).toEqual([0, 1, ISTIO_BOUNDARIES.length]);
});
