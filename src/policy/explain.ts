import { type CompiledPolicy, compilePolicy } from "./compile.ts";
import type { ClauseField } from "./conditions.ts";
import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import type { RequestAttributes } from "./request.ts";
import { type PolicyMode, type PolicyRef, type RuleSet, ruleSetOf } from "./rule-set.ts";

/** The ALLOW rule that came closest to matching. */
export interface NearestMiss {
  readonly decision: Decision;
  /** Fields that did not match, in the policy's own words. */
  readonly failed: readonly ClauseField[];
}

export interface Explanation {
  readonly decision: Decision;
  /** Present when a request was denied for want of an ALLOW rule, and there is a rule that matched in part. */
  readonly nearestMiss: NearestMiss | undefined;
}

/** The decision with its reasons. Costs a look at every rule: for people, not for the request path. */
export function explain(policy: CompiledPolicy, request: RequestAttributes): Explanation {
  const decision = decide(policy, request);
  if (decision.reason !== "default-deny") return { decision, nearestMiss: undefined };
  const tier = policy.tiers.find(({ otherwise }) => otherwise.label === decision.label);
  let nearestMiss: NearestMiss | undefined;
  for (const candidate of tier?.allow.all ?? []) {
    const failed = candidate.clause.failures(request);
    if (nearestMiss === undefined || failed.length < nearestMiss.failed.length) {
      nearestMiss = { decision: candidate.outcome, failed };
    }
  }
  return { decision, nearestMiss };
}

/** One policy in force at a workload, and what it has to do with a request. */
export interface ConsideredPolicy {
  readonly policy: PolicyRef;
  readonly action: RuleSet["action"];
  readonly mode: PolicyMode;
  /** Its first rule that the request meets, as the user counts them; -1 for none. */
  readonly rule: number;
}

/** Istio's order within a tier (AuthorizationPolicy, `security.istio.io/v1`); what only records comes last. */
const ORDER: readonly RuleSet["action"][] = ["CUSTOM", "DENY", "ALLOW", "AUDIT"];

/** Every policy that is looked at, in the order of evaluation: by tier, by action, and as they are named. */
export function consideredPolicies(
  ruleSets: readonly RuleSet[],
  request: RequestAttributes,
): readonly ConsideredPolicy[] {
  return ruleSets
    .toSorted((a, b) => a.tier - b.tier || ORDER.indexOf(a.action) - ORDER.indexOf(b.action))
    .map((ruleSet) => ({
      policy: ruleSet.ref,
      action: ruleSet.action,
      mode: ruleSet.mode,
      rule: metRule(ruleSet, request),
    }));
}

/** Decided as if it stood alone: as ALLOW only where it allows, so that a rule that cannot be decided restricts in either. */
function metRule(ruleSet: RuleSet, request: RequestAttributes): number {
  const action = ruleSet.action === "ALLOW" ? "ALLOW" : "DENY";
  const alone = ruleSetOf({ ref: ruleSet.ref, rules: ruleSet.rules, action });
  return decide(compilePolicy([alone]), request).rule;
}
