/** What one replica's policies make of a request of which not everything may be known. */
import type { OutcomeView } from "#api";
import { inboundRulesFor, type MeshSnapshot, type Registration, registrationKey } from "#mesh";
import {
  compilePolicy,
  consideredPolicies,
  type Decision,
  type Explanation,
  explain,
  type Knowledge,
  type NearestMiss,
  type PartialRequest,
  partialRequest,
  policyLabel,
  type RequestAttributes,
  type RuleSet,
  requestAttributes,
  ruleSetsAt,
  unaskedLabel,
} from "#policy";

/** A request wherever it arrives; unless its port is said, it is the one that the replica announced. */
export interface ArrivingRequest {
  readonly attributes: Partial<RequestAttributes>;
  readonly knowledge: Knowledge;
}

export type Replica = Pick<Registration, "namespace" | "instance" | "labels">;

/** By the same snapshot and the same evaluator as at the replica's agent. */
export function outcomeAt(
  snapshot: MeshSnapshot,
  replica: Replica,
  { request, nowMs }: { readonly request: ArrivingRequest; readonly nowMs: number },
): OutcomeView {
  const port = request.attributes.port ?? snapshot.inputs.registrations.get(registrationKey(replica))?.appPort ?? 0;
  const rules = inboundRulesFor(snapshot, replica);
  const { ruleSets } = ruleSetsAt(rules.ruleSets, nowMs);
  const compiled = compilePolicy(ruleSets);
  const hasTokens = rules.tokens.length > 0;
  const partial = arrivedAt(request, { port, hasTokens });
  const isTokenMoot = !hasTokens && (request.attributes.claims !== undefined || compiled.needsClaims);
  const authorizers = rules.providers.map(({ name }) => name);
  return {
    instances: [replica.instance],
    ...toldOf(explain(compiled, partial), authorizers),
    considered: consideredOf(ruleSets, partial),
    notes: isTokenMoot && partial.attributes.protocol === "http" ? [NO_TOKENS] : [],
  };
}

const NO_TOKENS = "No RequestAuthentication is in force there, so a request has no verified token.";

function arrivedAt(
  { attributes, knowledge }: ArrivingRequest,
  { port, hasTokens }: { readonly port: number; readonly hasTokens: boolean },
): PartialRequest {
  const arrived = requestAttributes({ ...attributes, port });
  if (hasTokens) return partialRequest(arrived, knowledge);
  return partialRequest({ ...arrived, claims: undefined }, { ...knowledge, claims: "all" });
}

export function consideredOf(ruleSets: readonly RuleSet[], request: PartialRequest): OutcomeView["considered"] {
  return consideredPolicies(ruleSets, request).map(({ open, ...each }) => ({
    ...each,
    label: policyLabel(each.policy),
    ...(open === undefined ? {} : { open: { rule: open.rule, unknown: [...open.unknown] } }),
  }));
}

type Told = Omit<OutcomeView, "instances" | "considered" | "notes">;

export function toldOf(
  { worst, best, dependsOn, unknown, nearestMiss }: Explanation,
  authorizers: readonly string[],
): Told {
  const [atWorst, atBest] = [decidedBy(worst, authorizers), decidedBy(best, authorizers)];
  const told = {
    unknown: [...unknown],
    ...observedBy(atWorst.verdict === "allow" ? worst : best, atWorst.verdict),
    ...(nearestMiss === undefined ? {} : { nearestMiss: missOf(nearestMiss) }),
  };
  if (atWorst.verdict !== atBest.verdict) {
    const label = `depends on ${dependsOn.join(", ")}`;
    const either = [atBest, atWorst];
    return { ...told, verdict: "depends", reason: "unknown", label, rule: -1, dependsOn: [...dependsOn], either };
  }
  // What allows at the worst, and what denies at the best, does so for sure.
  return { ...told, ...(atWorst.verdict === "allow" ? atWorst : atBest), dependsOn: [] };
}

function observedBy({ observed }: Decision, verdict: "allow" | "deny"): Pick<Told, "observed"> {
  if (observed === undefined || observed.verdict === verdict) return {};
  return { observed: { verdict: observed.verdict, label: observed.label } };
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

function missOf({ decision, failed, unknown }: NearestMiss): OutcomeView["nearestMiss"] {
  const { policy, label, rule } = decision;
  return { ...(policy === undefined ? {} : { policy }), label, rule, failed: [...failed], unknown: [...unknown] };
}

/** Replicas usually have the same policies: what is decided alike is told once. */
export function mergeEqual(outcomes: readonly OutcomeView[]): OutcomeView[] {
  const byText = Map.groupBy(outcomes, ({ instances: _, ...rest }) => JSON.stringify(rest));
  return [...byText.values()].map((alike) => ({
    ...(alike[0] as OutcomeView),
    instances: alike.flatMap(({ instances }) => instances),
  }));
}
