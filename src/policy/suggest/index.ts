/**
 * The least that must be allowed so that the traffic that was seen goes on, as a policy. Knows no snapshot and no telemetry: what was seen and
 * who is known are handed in. Agents do not load it.
 */
export type { ObservedCall } from "./observed-calls.ts";
export type { Proof } from "./proof.ts";
export { type LeftOut, type SuggestedRule, type Suggestion, type SuggestOptions, suggestFor } from "./suggest.ts";
