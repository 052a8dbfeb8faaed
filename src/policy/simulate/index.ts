/**
 * What a change of policies would do to requests that were recorded: decided by the one evaluator, under the rules as they are and as they would
 * be, and only as far as what was recorded tells. Knows no snapshot and no telemetry; agents do not load it.
 */
export {
  type Departure,
  type Egress,
  type Outcome,
  type RecordedRequest,
  type RulesInForce,
  replay,
} from "./replay.ts";
