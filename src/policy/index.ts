/**
 * Who may call whom, and how often. Every kind that permits is lowered to one form, compiled to lookup tables, and decided by one evaluator;
 * limits are matched by the same clauses.
 * Knows no YAML, no store and no connection.
 */
export { type LabelledObject, lowerAccessPolicy, type ProvedAttributes } from "./access-policy.ts";
export { lowerAuthorizationPolicy } from "./authorization-policy.ts";
export { requestIssuer } from "./claims.ts";
export { type CompiledPolicy, compilePolicy } from "./compile.ts";
export type { ClauseField } from "./conditions.ts";
export { conflictIn, coveredBy, coversClause, coversPattern } from "./cover.ts";
export { decide } from "./decide.ts";
export { type Decision, type ExternalCheck, unaskedLabel } from "./decision.ts";
export { type ConsideredPolicy, consideredPolicies, type Explanation, explain, type NearestMiss } from "./explain.ts";
export { type CompiledLimit, compileLimits, type LimitSet, lowerRateLimitPolicy } from "./limits.ts";
export { lowerNetworkPolicy } from "./network-policy.ts";
export {
  type Knowledge,
  NOTHING_HIDDEN,
  type PartialRequest,
  partialRequest,
  wholeRequest,
} from "./partial-request.ts";
export { canonicalPath, isAmbiguous } from "./path.ts";
export { RecentDecisions } from "./recent-decisions.ts";
export {
  type Callee,
  type CallerAttributes,
  type Claims,
  calleeAttributes,
  callerAttributes,
  type RequestAttributes,
  requestAttributes,
  type Unknowns,
} from "./request.ts";
export {
  type ConditionMatch,
  type OperationMatch,
  operationMatch,
  type PolicyMode,
  type PolicyRef,
  policyLabel,
  type Rule,
  type RuleSet,
  ruleOf,
  ruleSetOf,
  type SourceMatch,
  sourceMatch,
} from "./rule-set.ts";
export { type PolicyTarget, policiesFor, type ScopedPolicy, selects } from "./scope.ts";
export { isTemplate } from "./strings.ts";
export { isHttpAttribute, type Term, type TermAttribute, type TermClause, termClausesOf } from "./terms.ts";
export { type RuleSetsAt, ruleSetsAt } from "./validity.ts";
