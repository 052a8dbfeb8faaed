import type { CompiledPolicy } from "./compile.ts";
import type { ClauseField } from "./conditions.ts";
import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import type { RequestAttributes } from "./request.ts";

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
