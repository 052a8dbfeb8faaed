/** The least privilege that recorded traffic needs, service by service. */
import type { SuggestionsView, SuggestionView } from "#api";
import { parseSpiffeId } from "#identity";
import { inboundRulesFor, type MeshService, type MeshSnapshot, SERVICE_LABEL } from "#mesh";
import { failure, hasLabels, problem, type Result, type ServiceKey, success, wholeServiceName } from "#model";
import { manifestOf } from "#model/manifest";
import { callerAttributes, type LabelledObject, type ProvedAttributes, policyLabel } from "#policy";
import { type ObservedCall, type Suggestion, type SuggestOptions, suggestFor } from "#policy/suggest";
import { nodeIdOf } from "#telemetry";
import type { RecordedDecision, StoredSpan } from "#telemetry/store";
import type { DecisionSource } from "./decision-view.ts";

export interface SuggestQuestion extends StoredSpan, SuggestOptions {
  readonly services: readonly MeshService[];
  /** Lets others have their turn between two pages of recorded decisions, and between two services. */
  readonly turn: () => Promise<void>;
}

/** The services that are meant: one, or those of a namespace. Fails with `HDL_POLICY_QUESTION` where there are none. */
export function servicesMeant({ services }: MeshSnapshot, name: string): Result<readonly MeshService[]> {
  const one = services.get(name as ServiceKey);
  if (one !== undefined) return success([one]);
  const whole = [...services.values()].filter((each) => wholeServiceName(each.name) === each.name);
  const within = whole.filter(({ namespace }) => namespace === name);
  if (within.length > 0) return success(within.toSorted((a, b) => (a.key < b.key ? -1 : 1)));
  const named = whole.filter((each) => each.name === name);
  if (named.length === 1) return success(named);
  return failure(
    problem("HDL_POLICY_QUESTION", `${name} is no service and no namespace with services`, {
      next: "Name it as `namespace/service`, or a namespace; `heddle policy matrix` shows the services.",
    }),
  );
}

/** Fails with `HDL_POLICY_UNSEEN` where nothing was recorded of any of them: what was never seen is not profiled. */
export async function suggestionsView(
  snapshot: MeshSnapshot,
  store: DecisionSource,
  asked: SuggestQuestion,
): Promise<Result<SuggestionsView>> {
  const { services, fromMs, toMs, turn, ...options } = asked;
  const calls = await callsByService(snapshot, store, asked);
  const known = knownCallers(snapshot);
  const suggestions: SuggestionView[] = [];
  const unseen: string[] = [];
  for (const service of services) {
    const selector = selectorOf(snapshot, service);
    if (!selector.ok) return selector;
    const target = { namespace: service.namespace, name: service.name, selector: selector.value };
    const suggestion = suggestFor(target, calls.get(service.key) ?? [], { ...options, known });
    if (suggestion === undefined) unseen.push(service.key);
    else suggestions.push(viewOf(snapshot, service, suggestion));
    await turn();
  }
  if (suggestions.length === 0) {
    const names = unseen.length > 3 ? `any of ${unseen.length} services` : unseen.join(", ");
    return failure(problem("HDL_POLICY_UNSEEN", `no request to ${names} was recorded in the time asked for`));
  }
  const coverage = store.decisionCoverage({ fromMs, toMs });
  const { unrecorded } = coverage;
  return success({ fromMs, recordedFromMs: coverage.fromMs ?? null, unrecorded, suggestions, unseen });
}

async function callsByService(
  { settings }: MeshSnapshot,
  store: DecisionSource,
  { services, fromMs, toMs, turn }: Pick<SuggestQuestion, "services" | "fromMs" | "toMs" | "turn">,
): Promise<ReadonlyMap<string, readonly ObservedCall[]>> {
  const byService = new Map<string, ObservedCall[]>(services.map(({ key }) => [key, []]));
  const servers = new Map(services.map((service) => [service.key as string, accountsOf(service)]));
  for (const page of store.decisions({ fromMs, toMs })) {
    for (const decision of page) {
      const { namespace, workload } = decision.edge.destination;
      const name = nodeIdOf(decision.edge.destination);
      if (servers.get(name)?.has(`${namespace}/${workload}`) !== false)
        byService.get(name)?.push(callOf(decision, settings.trustDomain));
    }
    await turn();
  }
  return byService;
}

/**
 * Who serves it now. An agent proves its account and says by itself which service it is: what another account reports of the service is
 * not believed. Undefined where no replica is there to compare with.
 */
function accountsOf({ endpoints }: MeshService): ReadonlySet<string> | undefined {
  if (endpoints.length === 0) return undefined;
  return new Set(endpoints.map(({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}`));
}

function callOf(decision: RecordedDecision, trustDomain: MeshSnapshot["settings"]["trustDomain"]): ObservedCall {
  const { edge, detail, method, path, host, port, token, issuer, verdict, count, lastSeenMs } = decision;
  const id = parseSpiffeId(edge.source.principal);
  const caller = id.ok ? callerAttributes(id.value, trustDomain) : NOBODY;
  const protocol = edge.protocol === "tcp" ? "tcp" : "http";
  const beside = JSON.stringify([host, token, issuer]);
  return { caller, protocol, detail, method, path, beside, port, verdict, count, lastSeenMs };
}

const NOBODY = { principal: "", namespace: "", serviceAccount: "" };

/** Everybody with an object of their own, and everybody who runs. */
function knownCallers({ inputs, settings }: MeshSnapshot): ProvedAttributes {
  const accounts = new Map<string, LabelledObject>();
  for (const { namespace, serviceAccount } of inputs.registrations.values()) {
    const metadata = { namespace, name: serviceAccount, labels: {} };
    accounts.set(`${namespace}/${serviceAccount}`, { metadata });
  }
  for (const each of inputs.resources)
    if (each.kind === "ServiceAccount") accounts.set(`${each.metadata.namespace}/${each.metadata.name}`, each);
  const namespaces = inputs.resources.filter(({ kind }) => kind === "Namespace");
  return { trustDomain: settings.trustDomain, accounts: [...accounts.values()], namespaces };
}

/** Labels by which people usually tell workloads apart, the most usual first. */
const TELLING = ["app", "app.kubernetes.io/name", SERVICE_LABEL];

/** Labels that all workloads of the service have and no other of its namespace; those of its `Service` where it has one. */
function selectorOf({ inputs }: MeshSnapshot, service: MeshService): Result<Readonly<Record<string, string>>> {
  const { namespace, name, endpoints } = service;
  const object = inputs.resources.find(
    (each) => each.kind === "Service" && each.metadata.namespace === namespace && each.metadata.name === name,
  );
  if (object?.kind === "Service" && Object.keys(object.spec.selector).length > 0) return success(object.spec.selector);
  const [first] = endpoints;
  const labels = Object.entries(first?.labels ?? {}).filter(([key, value]) =>
    endpoints.every((each) => each.labels[key] === value),
  );
  const common = Object.fromEntries(labels);
  const own = new Set(endpoints.map(({ instance }) => instance));
  const others = [...inputs.registrations.values()].filter(
    (each) => each.namespace === namespace && !own.has(each.instance) && each.labels[SERVICE_LABEL] !== name,
  );
  const single = TELLING.flatMap((key) => (common[key] === undefined ? [] : [{ [key]: common[key] }]));
  const found = [...single, common].find(
    (each) => Object.keys(each).length > 0 && !others.some((other) => hasLabels(other.labels, each)),
  );
  if (found !== undefined) return success(found);
  const next = "Give its workloads a label of their own, such as `app`, or declare a `Service` that selects them.";
  const why = endpoints.length === 0 ? "no replica is ready" : "no label tells its workloads from others";
  return failure(problem("HDL_POLICY_QUESTION", `a policy cannot be written for ${service.key}: ${why}`, { next }));
}

function viewOf(snapshot: MeshSnapshot, service: MeshService, suggestion: Suggestion): SuggestionView {
  const { policies, rules, leftOut, proof } = suggestion;
  const names = new Set(policies.map(({ kind, metadata }) => policyLabel({ kind, ...metadata })));
  const allowing = service.endpoints.flatMap((endpoint) =>
    inboundRulesFor(snapshot, endpoint)
      .ruleSets.filter((each) => each.action === "ALLOW" && each.mode === "enforce" && each.rules.length > 0)
      .map(({ ref }) => policyLabel(ref)),
  );
  return {
    service: service.key,
    policies: policies.map((each) => manifestOf(each) as Record<string, unknown>),
    rules: rules.map(({ isRare, isOpen, ...each }) => ({
      ...each,
      callers: [...each.callers],
      rare: isRare,
      open: isOpen,
    })),
    leftOut: [...leftOut],
    proof,
    alsoAllowing: [...new Set(allowing)].filter((each) => !names.has(each)).sort(),
  };
}
