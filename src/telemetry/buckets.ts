/**
 * One fixed histogram layout for all durations, so that any two histograms merge by adding counts.
 *
 * Between two neighbouring boundaries of Istio's Prometheus histograms the buckets grow geometrically by at most 10 %, so a
 * quantile is at most 5 % off and the cumulative count at each Istio boundary is exact. Below 0.5 ms the layout goes down to 10 µs.
 */

/** Istio's `le` boundaries (Envoy's default): milliseconds for durations, bytes for sizes. */
export const ISTIO_BOUNDARIES: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];

const GROWTH_MAX = 1.1;
const FIRST_US = 10;

function makeUppers(): Float64Array {
  const uppers = [FIRST_US];
  let lower = FIRST_US;
  for (const boundaryMs of ISTIO_BOUNDARIES) {
    const upper = boundaryMs * 1000;
    const steps = Math.ceil(Math.log(upper / lower) / Math.log(GROWTH_MAX));
    for (let step = 1; step < steps; step++) uppers.push(lower * (upper / lower) ** (step / steps));
    uppers.push(upper);
    lower = upper;
  }
  uppers.push(Number.POSITIVE_INFINITY);
  return Float64Array.from(uppers);
}

/** Upper bound, inclusive, of each bucket in µs; the last is infinite. */
export const BUCKET_UPPER_US: Float64Array = makeUppers();
/** How many buckets a duration histogram has. */
export const BUCKET_COUNT: number = BUCKET_UPPER_US.length;

/** For each Istio boundary, the bucket whose upper bound it is. */
export const ISTIO_BUCKETS: readonly number[] = ISTIO_BOUNDARIES.map((ms) => BUCKET_UPPER_US.indexOf(ms * 1000));

const CELLS_PER_OCTAVE = 8;
const CELLS = Math.ceil(Math.log2(3_600_000_000) * CELLS_PER_OCTAVE) + 1;
/** Cell of the logarithm → the first bucket that a value of the cell may belong to; never more than a few steps short. */
const FIRST_BUCKET_OF_CELL = Uint16Array.from({ length: CELLS + 1 }, (_, cell) => {
  const least = 2 ** ((cell - 0.01) / CELLS_PER_OCTAVE);
  const index = BUCKET_UPPER_US.findIndex((upper) => upper >= least);
  return index < 0 ? BUCKET_COUNT - 1 : index;
});

/** The bucket of a duration in µs. Allocates nothing. Negative and not-a-number count as zero. */
export function bucketOf(us: number): number {
  if (!(us > FIRST_US)) return 0;
  const cell = (Math.log2(us) * CELLS_PER_OCTAVE) | 0;
  let index = cell > CELLS ? BUCKET_COUNT - 1 : (FIRST_BUCKET_OF_CELL[cell] as number);
  while ((BUCKET_UPPER_US[index] as number) < us) index++;
  return index;
}

/** The coarse bucket (index into `ISTIO_BOUNDARIES`, or its length for above all) of a size in bytes. */
export function istioBucketOf(value: number): number {
  let index = 0;
  while (index < ISTIO_BOUNDARIES.length && (ISTIO_BOUNDARIES[index] as number) < value) index++;
  return index;
}

/** Counts by bucket, only those above zero: bucket, count, bucket, count… in rising order of bucket. */
export type SparseBuckets = readonly number[];

/** Adds a sparse histogram to a dense one. Pairs outside the layout are ignored. */
export function addBuckets(into: Float64Array | Uint32Array, buckets: SparseBuckets): void {
  for (let index = 0; index + 1 < buckets.length; index += 2) {
    const bucket = buckets[index] as number;
    if (bucket >= 0 && bucket < into.length) into[bucket] = (into[bucket] as number) + (buckets[index + 1] as number);
  }
}

/** The sparse form of a dense histogram. */
export function sparseBuckets(dense: Float64Array | Uint32Array): number[] {
  const sparse: number[] = [];
  for (let bucket = 0; bucket < dense.length; bucket++) {
    const count = dense[bucket] as number;
    if (count > 0) sparse.push(bucket, count);
  }
  return sparse;
}

/** The sum of two sparse histograms. */
export function mergeBuckets(first: SparseBuckets, second: SparseBuckets): number[] {
  const merged = new Float64Array(BUCKET_COUNT);
  addBuckets(merged, first);
  addBuckets(merged, second);
  return sparseBuckets(merged);
}

/** The value in µs below which the fraction `q` (0…1) of the counts lies, at most 5 % off above 10 µs; undefined without counts. */
export function quantileUs(buckets: SparseBuckets, q: number): number | undefined {
  let total = 0;
  for (let index = 1; index < buckets.length; index += 2) total += buckets[index] as number;
  if (total === 0) return undefined;
  let left = Math.max(1, Math.ceil(q * total));
  for (let index = 0; index + 1 < buckets.length; index += 2) {
    left -= buckets[index + 1] as number;
    if (left <= 0) return middleUs(buckets[index] as number);
  }
  return undefined;
}

/** The value that stands for a bucket: off by the same relative error at both of its ends. */
function middleUs(bucket: number): number {
  if (bucket <= 0) return FIRST_US / 2;
  const lower = BUCKET_UPPER_US[bucket - 1] ?? FIRST_US;
  const upper = BUCKET_UPPER_US[bucket] ?? Number.POSITIVE_INFINITY;
  return Number.isFinite(upper) ? (2 * lower * upper) / (lower + upper) : lower;
}
