import {
  BUCKET_COUNT,
  bucketOf,
  END_REASON_LIST,
  type EndReason,
  ISTIO_BUCKET_COUNT,
  ISTIO_BUCKET_OF,
  istioBucketOf,
  type SeriesDelta,
  type SeriesTotals,
} from "#telemetry";
import type { EdgeTable } from "./edge-table.ts";
import type { RequestRecord } from "./request-record.ts";

const NONE = -1;
const REASON_INDEX: ReadonlyMap<EndReason, number> = new Map(END_REASON_LIST.map((reason, index) => [reason, index]));
/** Series 0…5 take what finds no slot, by the status's first digit, so that a full table still tells good from bad. */
const OVERFLOW_SERIES = 6;

/**
 * Counters of every (edge, status, end, denying policy), in typed arrays reached by small integers.
 * The series of one edge form a chain that is short, because few outcomes occur on one edge.
 */
export class SeriesTable {
  readonly #max: number;
  readonly #edge: Int32Array;
  readonly #next: Int32Array;
  readonly #status: Uint16Array;
  readonly #grpcStatus: Int8Array;
  readonly #reason: Uint8Array;
  readonly #policy: string[];
  readonly #firstOfEdge: Int32Array;
  readonly #lastTouchedMs: Float64Array;
  readonly #count: Float64Array;
  readonly #requestBytes: Float64Array;
  readonly #responseBytes: Float64Array;
  readonly #stagesUs: Float64Array;
  readonly #buckets: Uint32Array;
  readonly #requestSizes: Uint32Array;
  readonly #responseSizes: Uint32Array;
  readonly #touched: Int32Array;
  #touchedCount = 0;
  #used = OVERFLOW_SERIES;
  readonly #free: number[] = [];
  readonly #totals: (SeriesTotals | undefined)[] = [];

  constructor(seriesMax: number, edgesMax: number) {
    const max = Math.max(seriesMax, OVERFLOW_SERIES);
    this.#max = max;
    this.#edge = new Int32Array(max);
    this.#next = new Int32Array(max).fill(NONE);
    this.#status = new Uint16Array(max);
    this.#grpcStatus = new Int8Array(max).fill(NONE);
    this.#reason = new Uint8Array(max);
    this.#policy = new Array<string>(max).fill("");
    this.#firstOfEdge = new Int32Array(edgesMax).fill(NONE);
    this.#lastTouchedMs = new Float64Array(max);
    this.#count = new Float64Array(max);
    this.#requestBytes = new Float64Array(max);
    this.#responseBytes = new Float64Array(max);
    this.#stagesUs = new Float64Array(max * 4);
    this.#buckets = new Uint32Array(max * BUCKET_COUNT);
    this.#requestSizes = new Uint32Array(max * ISTIO_BUCKET_COUNT);
    this.#responseSizes = new Uint32Array(max * ISTIO_BUCKET_COUNT);
    this.#touched = new Int32Array(max);
    for (let digit = 0; digit < OVERFLOW_SERIES; digit++) this.#status[digit] = digit * 100;
  }

  /** Counts one request on a live edge slot. Allocates only for an outcome never seen on the edge. */
  add(edge: number, record: RequestRecord): void {
    const series = this.#find(edge, record);
    const count = this.#count[series] as number;
    if (count === 0) this.#touched[this.#touchedCount++] = series;
    this.#count[series] = count + 1;
    bump(this.#requestBytes, series, record.requestBytes);
    bump(this.#responseBytes, series, record.responseBytes);
    const sizes = series * ISTIO_BUCKET_COUNT;
    bumpCount(this.#requestSizes, sizes + istioBucketOf(record.requestBytes));
    bumpCount(this.#responseSizes, sizes + istioBucketOf(record.responseBytes));
    this.#addTimes(series, record);
  }

  /** Hands over every touched series as a delta and starts it from zero. */
  take(nowMs: number, edges: EdgeTable, edgeIndex: (slot: number) => number): SeriesDelta[] {
    const deltas: SeriesDelta[] = [];
    for (let index = 0; index < this.#touchedCount; index++) {
      const series = this.#touched[index] as number;
      this.#lastTouchedMs[series] = nowMs;
      deltas.push(this.#delta(series, edgeIndex(this.#edge[series] as number)));
      this.#fold(series, edges);
      this.#clear(series);
    }
    this.#touchedCount = 0;
    return deltas;
  }

  /** Totals since the start, including what `take` has not handed over yet. */
  totals(edges: EdgeTable): SeriesTotals[] {
    const pending = new Set(this.#touched.subarray(0, this.#touchedCount));
    const all: SeriesTotals[] = [];
    for (let series = 0; series < this.#used; series++) {
      const known = this.#totals[series];
      if (pending.has(series)) all.push(this.#foldedPreview(series, edges));
      else if (known !== undefined) all.push(known);
    }
    return all;
  }

  /** Forgets series that were silent since `beforeMs`; tells through the return value which edges still have some. */
  expire(beforeMs: number): (edge: number) => boolean {
    for (let edge = 0; edge < this.#firstOfEdge.length; edge++) {
      let link = this.#firstOfEdge[edge] as number;
      let kept = NONE;
      this.#firstOfEdge[edge] = NONE;
      while (link !== NONE) {
        const next = this.#next[link] as number;
        const isDead = (this.#lastTouchedMs[link] as number) < beforeMs && this.#count[link] === 0;
        if (isDead) this.#release(link);
        else {
          this.#next[link] = kept;
          kept = link;
        }
        link = next;
      }
      this.#firstOfEdge[edge] = kept;
    }
    return (edge) => this.#firstOfEdge[edge] !== NONE;
  }

  #find(edge: number, record: RequestRecord): number {
    const reason = REASON_INDEX.get(record.endReason) ?? 0;
    const policy = refusingPolicy(record);
    let series = this.#firstOfEdge[edge] as number;
    while (series !== NONE) {
      if (
        this.#status[series] === record.status &&
        this.#grpcStatus[series] === record.grpcStatus &&
        this.#reason[series] === reason &&
        (this.#policy[series] as string) === policy
      )
        return series;
      series = this.#next[series] as number;
    }
    return this.#create(edge, record, policy);
  }

  #create(edge: number, record: RequestRecord, policy: string): number {
    const series = this.#free.pop() ?? (this.#used < this.#max ? this.#used++ : NONE);
    if (series === NONE) return Math.min(Math.max(Math.floor(record.status / 100), 0), OVERFLOW_SERIES - 1);
    this.#edge[series] = edge;
    this.#status[series] = record.status;
    this.#grpcStatus[series] = record.grpcStatus;
    this.#reason[series] = REASON_INDEX.get(record.endReason) ?? 0;
    this.#policy[series] = policy;
    this.#next[series] = this.#firstOfEdge[edge] as number;
    this.#firstOfEdge[edge] = series;
    return series;
  }

  /** Time up to a stamp that was not reached belongs to the stretch that was being waited in. */
  #addTimes(series: number, record: RequestRecord): void {
    const done = record.doneUs;
    const chosen = record.chosenUs > 0 ? record.chosenUs : done;
    const sent = record.sentUs > 0 ? record.sentUs : done;
    const firstByte = record.firstByteUs > 0 ? record.firstByteUs : done;
    const base = series * 4;
    bump(this.#stagesUs, base, Math.max(0, chosen - record.receivedUs));
    bump(this.#stagesUs, base + 1, Math.max(0, sent - chosen));
    bump(this.#stagesUs, base + 2, Math.max(0, firstByte - sent));
    bump(this.#stagesUs, base + 3, Math.max(0, done - firstByte));
    bumpCount(this.#buckets, series * BUCKET_COUNT + bucketOf(done - record.receivedUs));
  }

  #delta(series: number, edge: number): SeriesDelta {
    const stage = series * 4;
    return {
      edge,
      status: this.#status[series] as number,
      grpcStatus: this.#grpcStatus[series] as number,
      endReason: END_REASON_LIST[this.#reason[series] as number] ?? "completed",
      policy: this.#policy[series] as string,
      count: this.#count[series] as number,
      requestBytes: this.#requestBytes[series] as number,
      responseBytes: this.#responseBytes[series] as number,
      stagesUs: [
        this.#stagesUs[stage] as number,
        this.#stagesUs[stage + 1] as number,
        this.#stagesUs[stage + 2] as number,
        this.#stagesUs[stage + 3] as number,
      ],
      buckets: sparseSlice(this.#buckets, series, BUCKET_COUNT),
      requestSizes: sparseSlice(this.#requestSizes, series, ISTIO_BUCKET_COUNT),
      responseSizes: sparseSlice(this.#responseSizes, series, ISTIO_BUCKET_COUNT),
    };
  }

  #fold(series: number, edges: EdgeTable): void {
    this.#totals[series] = this.#foldedPreview(series, edges);
  }

  #foldedPreview(series: number, edges: EdgeTable): SeriesTotals {
    const known = this.#totals[series];
    const durations = known === undefined ? new Float64Array(ISTIO_BUCKET_COUNT) : known.durations.slice();
    const buckets = this.#buckets.subarray(series * BUCKET_COUNT, (series + 1) * BUCKET_COUNT);
    for (let fine = 0; fine < BUCKET_COUNT; fine++)
      if (buckets[fine] !== 0) bump(durations, ISTIO_BUCKET_OF[fine] as number, buckets[fine] as number);
    const stages = this.#stagesUs.subarray(series * 4, series * 4 + 4);
    return {
      edge: edges.key(this.#edge[series] as number),
      status: this.#status[series] as number,
      grpcStatus: this.#grpcStatus[series] as number,
      endReason: END_REASON_LIST[this.#reason[series] as number] ?? "completed",
      count: (known?.count ?? 0) + (this.#count[series] as number),
      durationSumMs: (known?.durationSumMs ?? 0) + stages.reduce((sum, each) => sum + each, 0) / 1000,
      requestBytesSum: (known?.requestBytesSum ?? 0) + (this.#requestBytes[series] as number),
      responseBytesSum: (known?.responseBytesSum ?? 0) + (this.#responseBytes[series] as number),
      durations,
      requestSizes: sumSlice(known?.requestSizes, this.#requestSizes, series),
      responseSizes: sumSlice(known?.responseSizes, this.#responseSizes, series),
    };
  }

  #clear(series: number): void {
    this.#count[series] = 0;
    this.#requestBytes[series] = 0;
    this.#responseBytes[series] = 0;
    this.#stagesUs.fill(0, series * 4, series * 4 + 4);
    this.#buckets.fill(0, series * BUCKET_COUNT, (series + 1) * BUCKET_COUNT);
    this.#requestSizes.fill(0, series * ISTIO_BUCKET_COUNT, (series + 1) * ISTIO_BUCKET_COUNT);
    this.#responseSizes.fill(0, series * ISTIO_BUCKET_COUNT, (series + 1) * ISTIO_BUCKET_COUNT);
  }

  #release(series: number): void {
    this.#totals[series] = undefined;
    this.#policy[series] = "";
    this.#free.push(series);
  }
}

function bump(sums: Float64Array, index: number, by: number): void {
  sums[index] = (sums[index] as number) + by;
}

/** Apart from `bump`, so that each sees arrays of one kind: this is on the hot path. */
function bumpCount(counts: Uint32Array, index: number): void {
  counts[index] = (counts[index] as number) + 1;
}

function sparseSlice(dense: Uint32Array, series: number, width: number): number[] {
  const sparse: number[] = [];
  for (let bucket = 0, at = series * width; bucket < width; bucket++, at++)
    if (dense[at] !== 0) sparse.push(bucket, dense[at] as number);
  return sparse;
}

function sumSlice(known: Float64Array | undefined, dense: Uint32Array, series: number): Float64Array {
  const sum = Float64Array.from(dense.subarray(series * ISTIO_BUCKET_COUNT, (series + 1) * ISTIO_BUCKET_COUNT));
  if (known !== undefined) for (let index = 0; index < sum.length; index++) bump(sum, index, known[index] as number);
  return sum;
}

/** The policy for which a request was not carried out, or "". */
function refusingPolicy({ verdict, endReason, policy }: RequestRecord): string {
  return verdict === "deny" || endReason === "rate-limited" ? policy : "";
}
