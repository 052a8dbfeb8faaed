/**
 * Who may call whom, and how often. Every kind that permits is lowered to one form, compiled to lookup tables, and decided by one evaluator;
 * limits are matched by the same clauses.
 * Knows no YAML, no store and no connection.
 */
export type { ClauseField } from "./clause.ts";
export { type CompiledPolicy, compilePolicy, type Decision } from "./compile.ts";
export { decide } from "./decide.ts";
export { type Explanation, explain, type NearestMiss } from "./explain.ts";
export { type CompiledLimit, compileLimits, type LimitSet, lowerRateLimitPolicy } from "./limits.ts";
export { RecentDecisions } from "./recent-decisions.ts";
export type { RequestAttributes } from "./request.ts";
export {
  lowerAuthorizationPolicy,
  type OperationMatch,
  type PolicyRef,
  type PolicyTarget,
  policiesFor,
  type Rule,
  type RuleSet,
  type ScopedPolicy,
  type SourceMatch,
} from "./rule-set.ts";
