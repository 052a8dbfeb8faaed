/** The server's memory of telemetry: time buckets, requests of both sides, refusals and events, in SQLite. */
export type { RecordedDecision } from "./decision-rows.ts";
export type { SeenEdge } from "./series-rows.ts";
export {
  type Ingest,
  type SampleQuery,
  type StoredEvent,
  type StoredRefusal,
  type StoredSpan,
  TelemetryStore,
  type TelemetryStoreLimits,
} from "./telemetry-store.ts";
