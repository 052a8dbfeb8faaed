import {
  addBuckets,
  type EdgeKey,
  ISTIO_BUCKET_COUNT,
  ISTIO_BUCKET_OF,
  type SeriesDelta,
  type SeriesTotals,
  type TelemetryBatch,
} from "#telemetry";

/** Series beyond this are left out of the exposition; the store still has them. */
const SERIES_MAX = 20_000;

/** Sums every agent's deltas up for Prometheus, which wants counters that only rise. */
export class RunningTotals {
  readonly #byKey = new Map<string, SeriesTotals>();

  add(batch: TelemetryBatch): void {
    const edgeTexts = batch.edges.map((edge) => JSON.stringify(edge));
    for (const delta of batch.series) {
      const edge = batch.edges[delta.edge];
      if (edge === undefined) continue;
      const key = `${edgeTexts[delta.edge]}\n${delta.status}\n${delta.grpcStatus}\n${delta.endReason}`;
      const known = this.#byKey.get(key) ?? this.#open(key, edge, delta);
      if (known !== undefined) addDelta(known, delta);
    }
  }

  all(): readonly SeriesTotals[] {
    return [...this.#byKey.values()];
  }

  #open(key: string, edge: EdgeKey, { status, grpcStatus, endReason }: SeriesDelta): SeriesTotals | undefined {
    if (this.#byKey.size >= SERIES_MAX) return undefined;
    const totals: SeriesTotals = {
      edge,
      status,
      grpcStatus,
      endReason,
      count: 0,
      durationSumMs: 0,
      requestBytesSum: 0,
      responseBytesSum: 0,
      durations: new Float64Array(ISTIO_BUCKET_COUNT),
      requestSizes: new Float64Array(ISTIO_BUCKET_COUNT),
      responseSizes: new Float64Array(ISTIO_BUCKET_COUNT),
    };
    this.#byKey.set(key, totals);
    return totals;
  }
}

function addDelta(totals: SeriesTotals, delta: SeriesDelta): void {
  totals.count += delta.count;
  totals.durationSumMs += delta.stagesUs.reduce((sum, each) => sum + each, 0) / 1000;
  totals.requestBytesSum += delta.requestBytes;
  totals.responseBytesSum += delta.responseBytes;
  for (let index = 0; index + 1 < delta.buckets.length; index += 2) {
    const coarse = ISTIO_BUCKET_OF[delta.buckets[index] as number] ?? ISTIO_BUCKET_COUNT - 1;
    totals.durations[coarse] = (totals.durations[coarse] as number) + (delta.buckets[index + 1] as number);
  }
  addBuckets(totals.requestSizes, delta.requestSizes);
  addBuckets(totals.responseSizes, delta.responseSizes);
}
