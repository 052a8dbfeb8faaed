/** Why a request would be allowed or denied, from the same snapshot and by the same evaluator as at the destination's agent. */
import type { ExplanationView, OutcomeView } from "#api";
import { parseSpiffeId } from "#identity";
import { inboundRulesFor, type MeshSnapshot, registrationKey } from "#mesh";
import { failure, problem, type Result, type ServiceKey, success } from "#model";
import {
  type CallerAttributes,
  callerAttributes,
  compilePolicy,
  consideredPolicies,
  type Decision,
  explain,
  policyLabel,
  type RequestAttributes,
  type RuleSet,
  requestAttributes,
  ruleSetsAt,
  unaskedLabel,
} from "#policy";

export interface WonderedRequest {
  /** `namespace/service-account`, a principal with its trust domain, or `-` for a caller without a certificate. */
  readonly source: string;
  /** `namespace/service`. */
  readonly destination: string;
  readonly method: string;
  /** Undefined: a connection of bytes that are no HTTP. */
  readonly path: string | undefined;
  readonly host: string;
  /** Of the app; undefined: the one that the replica announced. */
  readonly port: number | undefined;
}

/** Fails with `HDL_POLICY_QUESTION` where there is no such caller or no replica whose policies could be asked. */
export function explanationOf(snapshot: MeshSnapshot, asked: WonderedRequest, nowMs: number): Result<ExplanationView> {
  const caller = callerOf(snapshot, asked.source);
  if (caller === undefined) return refuse(`\`${asked.source}\` is no caller`);
  const service = snapshot.services.get(asked.destination as ServiceKey);
  if (service === undefined) return refuse(`there is no service ${asked.destination}`);
  if (service.endpoints.length === 0) return refuse(`${asked.destination} has no replica that is ready`);
  const outcomes = service.endpoints.map((endpoint) => {
    const port = asked.port ?? snapshot.inputs.registrations.get(registrationKey(endpoint))?.appPort ?? 0;
    const request = requestAttributes({ ...caller, ...partsOf(asked), port });
    const rules = inboundRulesFor(snapshot, endpoint);
    const { ruleSets } = ruleSetsAt(rules.ruleSets, nowMs);
    const authorizers = rules.providers.map(({ name }) => name);
    return { instances: [endpoint.instance], ...outcomeOf(ruleSets, request, authorizers) };
  });
  return success({ principal: caller.principal, destination: asked.destination, outcomes: mergeEqual(outcomes) });
}

const SCHEME = "spiffe://";

function callerOf({ settings }: MeshSnapshot, source: string): CallerAttributes | undefined {
  if (source === "-") return { principal: "", namespace: "", serviceAccount: "" };
  const [namespace = "", account, ...more] = source.split("/");
  const isShort = account !== undefined && more.length === 0;
  const bare = source.startsWith(SCHEME) ? source.slice(SCHEME.length) : source;
  const id = parseSpiffeId(SCHEME + (isShort ? `${settings.trustDomain}/ns/${namespace}/sa/${account}` : bare));
  if (!id.ok || id.value.path === "") return undefined;
  const caller = callerAttributes(id.value, settings.trustDomain);
  // Of another trust domain only the principal is known; of the own one a workload is meant.
  return caller.serviceAccount === "" && id.value.trustDomain === settings.trustDomain ? undefined : caller;
}

function partsOf({ method, path, host }: WonderedRequest): Partial<RequestAttributes> {
  if (path === undefined) return { protocol: "tcp" };
  return { protocol: "http", method, path: path.split("?")[0] ?? "", host };
}

function outcomeOf(
  ruleSets: readonly RuleSet[],
  request: RequestAttributes,
  authorizers: readonly string[],
): Omit<OutcomeView, "instances"> {
  const { decision, nearestMiss } = explain(compilePolicy(ruleSets), request);
  const { observed } = decision;
  const decided = decidedBy(decision, authorizers);
  const differs = observed !== undefined && observed.verdict !== decided.verdict;
  return {
    ...decided,
    ...(differs ? { observed: { verdict: observed.verdict, label: observed.label } } : {}),
    ...(nearestMiss === undefined ? {} : { nearestMiss: missOf(nearestMiss) }),
    considered: consideredPolicies(ruleSets, request).map((each) => ({ ...each, label: policyLabel(each.policy) })),
  };
}

/** An agent asks an external authorizer before anything else counts, and denies where it cannot. */
function decidedBy({ external, ...decision }: Decision, authorizers: readonly string[]) {
  if (external !== undefined && (external.rivals.length > 0 || !authorizers.includes(external.provider))) {
    const { policy, rule } = external;
    return { verdict: "deny" as const, reason: "unenforceable", label: unaskedLabel(external), policy, rule };
  }
  const { verdict, reason, label, policy, rule } = decision;
  const asked = external && { provider: external.provider, label: external.label, rule: external.rule };
  const told = { verdict, reason, label, ...(policy === undefined ? {} : { policy }), rule };
  return asked === undefined ? told : { ...told, external: asked };
}

function missOf({ decision, failed }: NonNullable<ReturnType<typeof explain>["nearestMiss"]>) {
  const { policy, label, rule } = decision;
  return { ...(policy === undefined ? {} : { policy }), label, rule, failed: [...failed] };
}

/** Replicas usually have the same policies: what is decided alike is told once. */
function mergeEqual(outcomes: readonly OutcomeView[]): OutcomeView[] {
  const byText = Map.groupBy(outcomes, ({ instances: _, ...rest }) => JSON.stringify(rest));
  return [...byText.values()].map((alike) => ({
    ...(alike[0] as OutcomeView),
    instances: alike.flatMap(({ instances }) => instances),
  }));
}

function refuse(message: string): Result<never> {
  return failure(problem("HDL_POLICY_QUESTION", message));
}
