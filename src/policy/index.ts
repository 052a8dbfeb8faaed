/**
 * Who may call whom. Every policy kind is lowered to one form, compiled to lookup tables, and decided by one evaluator.
 * Knows no YAML, no store and no connection.
 */
export type { ClauseField } from "./clause.ts";
export { type CompiledPolicy, compilePolicy, type Decision } from "./compile.ts";
export { decide } from "./decide.ts";
export { type Explanation, explain, type NearestMiss } from "./explain.ts";
export type { RequestAttributes } from "./request.ts";
export {
  lowerAuthorizationPolicy,
  type OperationMatch,
  type PolicyRef,
  type PolicyTarget,
  policiesFor,
  type Rule,
  type RuleSet,
  type SourceMatch,
} from "./rule-set.ts";
