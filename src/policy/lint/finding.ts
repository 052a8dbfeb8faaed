import type { PolicyRef } from "#policy";

/** Everything that may be found, with what it means. */
export const LINT_CODES = {
  contradictory: "What the rule would allow is always denied by another.",
  shadowed: "Everything that the rule matches is already decided the same way by another.",
  unreachable: "No request can ever be decided by the rule.",
  "no-effect": "The policy has no rule, and its action does nothing without one.",
  "allows-everyone": "The rule allows without asking who calls.",
  "denies-everything": "The rule denies every request.",
  "foreign-callers": "The pattern also matches callers of other namespaces or trust domains.",
  "trusts-caller": "The rule allows by something that the caller writes itself.",
  "selects-nothing": "No workload, namespace or account has the labels that are selected.",
  "unknown-reference": "A name stands for nothing that the mesh knows.",
  expired: "The policy has ended, or ends before it would next be in force.",
  unenforceable: "Where the rule is enforced it cannot be decided, and so it restricts.",
  "path-gap": "A rule of paths leaves a way around it, or lets in more than it seems to.",
} as const;

export type LintCode = keyof typeof LINT_CODES;

/** An `error` is a policy that does not do what it says; a `warning` is one that somebody should look at. */
export interface LintFinding {
  readonly code: LintCode;
  readonly severity: "error" | "warning";
  readonly policy: PolicyRef;
  /** Place of the rule in its policy, or -1 where the policy as a whole is meant. */
  readonly rule: number;
  /** One sentence. */
  readonly message: string;
  readonly fix: string;
}

/** What a look at one policy has to say; the policy is added by whoever looks. */
export type Remark = Omit<LintFinding, "policy">;

export function quoted(text: string): string {
  return `\`${text}\``;
}
