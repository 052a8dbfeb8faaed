/** The one evaluator: on an agent for each request, on the server to explain, in tests. */
import type { CompiledPolicy, Decision } from "./compile.ts";
import type { RequestAttributes } from "./request.ts";

/**
 * Decides in Istio's order (AuthorizationPolicy, `security.istio.io/v1`): a DENY rule that matches denies; with no ALLOW policy at
 * the workload everything is allowed; an ALLOW rule that matches allows; anything else is denied.
 */
export function decide(policy: CompiledPolicy, request: RequestAttributes): Decision {
  const denied = policy.deny.find(request);
  if (denied !== undefined) return denied.decision;
  if (policy.otherwise.verdict === "allow") return policy.otherwise;
  return policy.allow.find(request)?.decision ?? policy.otherwise;
}
