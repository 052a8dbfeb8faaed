/**
 * What is wrong with policies, told before it hurts. Knows the mesh only as facts that are handed in; agents do not load it.
 */
export type { AnyPolicy, KnownService, KnownWorkload, LintFacts } from "./facts.ts";
export { LINT_CODES, type LintCode, type LintFinding } from "./finding.ts";
export { lintPolicies } from "./lint.ts";
