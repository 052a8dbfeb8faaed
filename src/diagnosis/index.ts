/** Says where a bad experience comes from. Pure: the same observations always give the same report. */
export { explainWhy, type WhyQuestion } from "./explain-why.ts";
export { type JoinedRequest, joinPrograms } from "./joining/join-programs.ts";
export {
  type AgentNote,
  type Call,
  hasFailed,
  type JoinedCalls,
  joinCalls,
  type KnownNodes,
  type NodeRole,
  type Observation,
  spanOf,
} from "./observation.ts";
export {
  CAUSES,
  type Cause,
  type Change,
  type Culprit,
  type HopTime,
  type TimeSpan,
  type WhyReport,
} from "./report.ts";
