/** Who may call whom, of the services and callers that the mesh knows. */
import type { MatrixCellView, MatrixView } from "#api";
import { parseSpiffeId } from "#identity";
import { inboundRulesFor, type MeshService, type MeshSnapshot } from "#mesh";
import { failure, problem, type Result, success, wholeServiceName } from "#model";
import {
  type CallerAttributes,
  callerAttributes,
  decide,
  type RequestAttributes,
  type RuleSet,
  ruleSetsAt,
} from "#policy";
import { type CallerOf, callerAccess, type LeftCondition } from "#policy/matrix";
import { type CallerEgress, calleeOf, callerEgress } from "./caller-egress.ts";

/** More would be no picture, and take the server long. */
const CELLS_MAX = 40_000;

/** Services of one namespace, or of all; callers are always all. Fails with `HDL_POLICY_QUESTION` where they are too many. */
export function matrixView(snapshot: MeshSnapshot, namespace: string | undefined, nowMs: number): Result<MatrixView> {
  const callers = callersOf(snapshot, nowMs);
  const services = [...snapshot.services.values()]
    .filter((each) => wholeServiceName(each.name) === each.name)
    .filter((each) => namespace === undefined || each.namespace === namespace)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const count = callers.length * services.length;
  if (count > CELLS_MAX) {
    const many = `${services.length} services and ${callers.length} callers are too many to show; ask by namespace`;
    return failure(problem("HDL_POLICY_QUESTION", many));
  }
  return success({
    callers: callers.map(({ name }) => name),
    services: services.map(({ key, endpoints }) => ({ name: key, replicas: endpoints.length })),
    cells: services.flatMap((service) => cellsOf(snapshot, { service, callers, nowMs })),
  });
}

interface Caller {
  /** `namespace/account`, or `-` for one without a certificate. */
  readonly name: string;
  readonly attributes: CallerAttributes;
  /** By the policies of its own workloads. */
  readonly egress: readonly CallerEgress[];
}

const STRANGER: Caller = { name: "-", attributes: { principal: "", namespace: "", serviceAccount: "" }, egress: [] };

function callersOf(snapshot: MeshSnapshot, nowMs: number): readonly Caller[] {
  const { inputs, settings, services } = snapshot;
  const accounts = inputs.resources.filter(({ kind }) => kind === "ServiceAccount");
  const endpoints = [...services.values()].flatMap((service) => service.endpoints);
  const names = new Set([
    ...accounts.map(({ metadata: { namespace, name } }) => `${namespace}/${name}`),
    ...[...inputs.registrations.values(), ...endpoints].map((each) => `${each.namespace}/${each.serviceAccount}`),
  ]);
  const known = [...names].sort().flatMap((name): readonly Caller[] => {
    const [namespace, account] = name.split("/");
    const id = parseSpiffeId(`spiffe://${settings.trustDomain}/ns/${namespace}/sa/${account}`);
    if (!id.ok) return [];
    const attributes = callerAttributes(id.value, settings.trustDomain);
    return [{ name, attributes, egress: callerEgress(snapshot, attributes, nowMs) }];
  });
  return [...known, STRANGER];
}

interface Asked {
  readonly service: MeshService;
  readonly callers: readonly Caller[];
  readonly nowMs: number;
}

/** Replicas with the same policies and port are one; a service without a ready replica has no cells. */
function cellsOf(snapshot: MeshSnapshot, { service, callers, nowMs }: Asked): readonly MatrixCellView[] {
  const replicas = service.endpoints.map((endpoint) => {
    const port = endpoint.appPort;
    const { ruleSets } = ruleSetsAt(inboundRulesFor(snapshot, endpoint).ruleSets, nowMs);
    return { endpoint, port, ruleSets, text: JSON.stringify([port, ruleSets]) };
  });
  const authorizers = new Set(snapshot.providers.map(({ name }) => name));
  const groups = [...Map.groupBy(replicas, ({ text }) => text).values()].map((group) => {
    const { port, ruleSets } = group[0] as (typeof replicas)[number];
    return { endpoints: group.map(({ endpoint }) => endpoint), port, accessOf: accessTo(ruleSets, authorizers) };
  });
  return callers.flatMap((caller) => {
    const { egress } = caller;
    const named = { caller: caller.name, service: service.key };
    return mergeEqual(
      groups.flatMap(({ endpoints, port, accessOf }) => {
        const access = accessOf({ ...caller.attributes, port });
        const instances = endpoints.map(({ instance }) => instance);
        if (egress.length === 0 || access.verdict === "deny") return [{ ...named, instances, ...access }];
        return endpoints.map((endpoint) => ({
          ...named,
          instances: [endpoint.instance],
          ...throughEgress(access, egress, calleeOf(endpoint, snapshot, port)),
        }));
      }),
    );
  });
}

type Access = Omit<MatrixCellView, "caller" | "service" | "instances">;

/** What of an access is left by the policies of the caller's own workloads. */
function throughEgress(access: Access, egress: readonly CallerEgress[], callee: RequestAttributes): Access {
  const refused = egress.flatMap(({ workloads, compiled }) => {
    const { verdict, label, rule } = decide(compiled, callee);
    const terms = [{ attribute: "caller", isNegated: false, patterns: [...workloads] }];
    return verdict === "deny" ? [{ label, rule, terms, expression: "" }] : [];
  });
  if (refused.length === 0) return access;
  const labels = [...new Set(refused.map(({ label }) => label))];
  if (refused.length === egress.length) return { verdict: "deny", labels, only: [], except: [] };
  return {
    ...access,
    verdict: "conditional",
    labels: [...access.labels, ...labels],
    except: [...access.except, ...refused],
  };
}

function accessTo(ruleSets: readonly RuleSet[], authorizers: ReadonlySet<string>): (caller: CallerOf) => Access {
  const access = callerAccess(ruleSets, authorizers);
  const isObserving = ruleSets.some(({ mode }) => mode === "observe");
  const enforced = ruleSets.map((each) => ({ ...each, mode: "enforce" as const }));
  const observing = isObserving ? callerAccess(enforced, authorizers) : access;
  return (caller) => {
    const { verdict, labels, only, except } = access(caller);
    const conditions = only.map((each) => [...each].map(condition));
    const told = { verdict, labels: [...labels], only: conditions, except: except.map(condition) };
    const observed = observing(caller).verdict;
    return observed === verdict ? told : { ...told, observed };
  };
}

function condition({ label, rule, terms, expression }: LeftCondition) {
  return { label, rule, expression, terms: terms.map((each) => ({ ...each, patterns: [...each.patterns] })) };
}

function mergeEqual(cells: readonly MatrixCellView[]): readonly MatrixCellView[] {
  const byText = Map.groupBy(cells, ({ instances: _, ...rest }) => JSON.stringify(rest));
  return [...byText.values()].map((alike) => ({
    ...(alike[0] as MatrixCellView),
    instances: alike.flatMap(({ instances }) => instances),
  }));
}
