/** The one evaluator: on an agent for each request, on the server to explain, in tests. */
import type { CompiledExtras, CompiledPolicy, CompiledTier } from "./compile.ts";
import { type Decision, NO_ALLOW_POLICY } from "./decision.ts";
import type { RequestAttributes } from "./request.ts";

/**
 * Decides tier after tier, each in Istio's order (AuthorizationPolicy, `security.istio.io/v1`): a DENY rule that matches denies; with no
 * ALLOW policy everything is allowed; an ALLOW rule that matches allows; fallback rules are asked when none of these has matched;
 * anything else is denied. The first tier that denies decides.
 */
export function decide(policy: CompiledPolicy, request: RequestAttributes): Decision {
  const decision = decideTiers(policy.tiers, request);
  return policy.extras === undefined ? decision : withExtras(decision, policy.extras, request);
}

function decideTiers(tiers: readonly CompiledTier[], request: RequestAttributes): Decision {
  let decision = NO_ALLOW_POLICY;
  for (const tier of tiers) {
    const found = decideTier(tier, request);
    if (found.verdict === "deny") return found;
    // The last tier whose rule allowed is the one nearest to the workload.
    if (found.policy !== undefined) decision = found;
  }
  return decision;
}

export function decideTier({ deny, allow, fallback, otherwise }: CompiledTier, request: RequestAttributes): Decision {
  const denied = deny.find(request);
  if (denied !== undefined) return denied.outcome;
  if (otherwise.verdict === "allow" && fallback === undefined) return otherwise;
  const allowed = allow.find(request);
  if (allowed !== undefined) return allowed.outcome;
  return fallback?.deny.find(request)?.outcome ?? fallback?.allow.find(request)?.outcome ?? otherwise;
}

const AUDITS_MAX = 8;

function withExtras(decision: Decision, extras: CompiledExtras, request: RequestAttributes): Decision {
  const observed = extras.observed === undefined ? undefined : decideTiers(extras.observed, request);
  const external = extras.external?.find(request)?.outcome;
  let audits = decision.audits;
  for (const { label, clauses } of extras.audits) {
    if (audits.length < AUDITS_MAX && clauses.find(request) !== undefined) audits = [...audits, label];
  }
  if (observed === undefined && external === undefined && audits.length === 0) return decision;
  return { ...decision, observed, audits, external };
}
