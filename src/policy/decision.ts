/** What was decided, by whom, and what else is to be known of it. */
import { type PolicyRef, policyLabel } from "./rule-set.ts";

/** An external authorizer that must let a request pass too. It is asked before anything else counts, and its denial stands. */
export interface ExternalCheck {
  readonly provider: string;
  /** Other authorizers that policies of the workload name. Istio allows one: with others it cannot be said who decides, and none is asked. */
  readonly rivals: readonly string[];
  readonly policy: PolicyRef;
  readonly rule: number;
  /** For logs, flows and answers. */
  readonly label: string;
}

/** Made once a rule and shared by all requests, but for those that an observing, auditing or external rule concerns. */
export interface Decision {
  readonly verdict: "allow" | "deny";
  readonly reason:
    | "deny-rule"
    | "allow-rule"
    | "no-allow-policy"
    | "default-deny"
    /** A rule that restricts cannot be decided here. */
    | "unenforceable";
  /** The deciding policy; undefined when none decided. */
  readonly policy: PolicyRef | undefined;
  /** Index of the deciding rule, or -1. */
  readonly rule: number;
  /** For logs, flows and answers: the policy, or what decided instead. */
  readonly label: string;
  /** What it would have been if the policies in observe mode were enforced too; undefined when there are none. */
  readonly observed: Decision | undefined;
  /** Labels of the AUDIT policies that the request meets. */
  readonly audits: readonly string[];
  /** Set when a CUSTOM policy concerns the request: the verdict holds once the authorizer has let it pass. */
  readonly external: ExternalCheck | undefined;
}

const NO_AUDITS: readonly string[] = [];

/** A decision that nothing else concerns. */
export function plainDecision(said: Pick<Decision, "verdict" | "reason" | "policy" | "rule" | "label">): Decision {
  return { ...said, observed: undefined, audits: NO_AUDITS, external: undefined };
}

export const NO_ALLOW_POLICY: Decision = plainDecision({
  verdict: "allow",
  reason: "no-allow-policy",
  policy: undefined,
  rule: -1,
  label: "no-allow-policy",
});

const NAMED_POLICIES_MAX = 3;

/** Names the ALLOW policies that the caller did not meet: they are why everything else is denied. */
export function defaultDeny(refs: readonly PolicyRef[], unenforceable: readonly string[]): Decision {
  const named = refs.slice(0, NAMED_POLICIES_MAX).map(policyLabel);
  const more = refs.length - named.length;
  const unmet = `${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  const undecided = unenforceable[0] === undefined ? "" : ` (${unenforceable[0]})`;
  return plainDecision({
    verdict: "deny",
    reason: "default-deny",
    policy: refs[0],
    rule: -1,
    label: `default-deny: no rule of ${unmet} matched${undecided}`,
  });
}

/** Why a rule cannot be decided, in the words of logs, flows and answers. */
export function undecidedLabel(ref: PolicyRef, rule: number, why: string): string {
  return `${policyLabel(ref)}: rule ${rule} cannot be decided here: ${why}`;
}

/** What stands for the policy where its authorizer cannot be asked, which denies. */
export function unaskedLabel({ label, provider, rivals }: ExternalCheck): string {
  if (rivals.length > 0)
    return `${label}: a workload asks one external authorizer, and its policies name ${[provider, ...rivals].join(", ")}`;
  return `${label}: the external authorizer ${provider} is not known here`;
}
