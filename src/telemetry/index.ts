/** The vocabulary of telemetry: how requests end, what is counted, and one histogram layout. Pure: no clock, no engine. */
export {
  type AgentEvent,
  type AgentEventKind,
  type DecisionDelta,
  type DecisionDetail,
  type DecisionKey,
  type EdgeKey,
  type EdgeProtocol,
  type EdgeTotals,
  nodeIdOf,
  type ObservedRequest,
  type Party,
  partyName,
  type Refusal,
  type RefusalReason,
  type ReporterSide,
  type RequestSample,
  type SampleClass,
  type SeriesDelta,
  type Stages,
  type TelemetryBatch,
  type TokenSeen,
  type Verdict,
} from "./batch.ts";
export {
  addBuckets,
  BUCKET_COUNT,
  bucketOf,
  istioBucketOf,
  mergeBuckets,
  quantileUs,
  type SparseBuckets,
} from "./buckets.ts";
export {
  END_REASON_LIST,
  END_REASONS,
  type EndBlame,
  type EndReason,
  type EndReasonEntry,
  isEndReason,
  isFailure,
} from "./end-reasons.ts";
export {
  expositionOf,
  ISTIO_BUCKET_COUNT,
  ISTIO_BUCKET_OF,
  type SeriesTotals,
} from "./exposition.ts";
