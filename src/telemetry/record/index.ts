/** Counting on the hot path: typed arrays behind small integers, bounded in every direction, handed over as deltas. */
export {
  RECORDER_LIMITS,
  Recorder,
  type RecorderLimits,
  type RecorderOptions,
  type RefusedConnection,
} from "./recorder.ts";
export { RequestRecord } from "./request-record.ts";
export type { SampleLimits } from "./sample-buffer.ts";
