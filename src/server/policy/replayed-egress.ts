/** What callers' own agents make of recorded requests before they are sent, by the policies as they are and as they would be. */
import { parseSpiffeId, type TrustDomain } from "#identity";
import type { MeshSnapshot } from "#mesh";
import { calleeAttributes, callerAttributes, decide, type RequestAttributes } from "#policy";
import type { Departure, Egress } from "#policy/simulate";
import type { EdgeKey } from "#telemetry";
import { type CallerEgress, callerEgress } from "./caller-egress.ts";

/** Undefined where nothing is said of what the caller may call. */
type EgressOf = (edge: EdgeKey) => Egress | undefined;

/** Rules are taken as they are at the instant, callers and replicas as they run now. */
export function egressBetween(before: MeshSnapshot, after: MeshSnapshot, nowMs: number): EgressOf {
  const states = [before, after] as const;
  if (states.every(({ access }) => access.networkPolicies.every(({ spec }) => spec.egress === undefined)))
    return () => undefined;
  const { trustDomain } = before.settings;
  const replicas = Map.groupBy(before.inputs.registrations.values(), ({ namespace, serviceAccount }) =>
    accountKey(namespace, serviceAccount),
  );
  const rulesOf = remembered((serviceAccount: string) =>
    states.map((state) => callerEgress(state, { serviceAccount }, nowMs)),
  );
  const calleesOf = remembered((account: string) =>
    (replicas.get(account) ?? []).map((each) => calleeAttributes(each, trustDomain)),
  );
  const accountOf = remembered((principal: string) => serviceAccountIn(principal, trustDomain));
  const egressOf = ({ source, destination: { namespace, workload } }: EdgeKey): Egress | undefined => {
    const serviceAccount = accountOf(source.principal);
    if (serviceAccount === "") return undefined;
    const callees = calleesOf(accountKey(namespace, workload));
    const [is = PASSES, would = PASSES] = rulesOf(serviceAccount).map((each) => departureOf(each, callees));
    return { is, would };
  };
  // Decisions of one edge share it.
  const known = new Map<EdgeKey, Egress | undefined>();
  return (edge) => {
    if (!known.has(edge)) known.set(edge, egressOf(edge));
    return known.get(edge);
  };
}

const PASSES: Departure = { kind: "passes" };

function accountKey(namespace: string, serviceAccount: string): string {
  return `${namespace}/${serviceAccount}`;
}

function remembered<Value>(find: (key: string) => Value): (key: string) => Value {
  const found = new Map<string, Value>();
  return (key) => {
    const held = found.get(key);
    if (held !== undefined) return held;
    const value = find(key);
    found.set(key, value);
    return value;
  };
}

/** "" for one of another trust domain: its policies are not ours. */
function serviceAccountIn(principal: string, trustDomain: TrustDomain): string {
  const id = parseSpiffeId(principal);
  return id.ok ? callerAttributes(id.value, trustDomain).serviceAccount : "";
}

/** A caller is refused where no replica may be called: otherwise its agent calls another. */
function departureOf(egress: readonly CallerEgress[], callees: readonly RequestAttributes[]): Departure {
  const refusing = egress.flatMap(({ workloads, compiled }) => {
    const decisions = callees.map((each) => decide(compiled, each));
    const [first] = decisions;
    return first !== undefined && decisions.every(({ verdict }) => verdict === "deny") ? [{ workloads, first }] : [];
  });
  const [one] = refusing;
  if (one === undefined) return PASSES;
  if (refusing.length < egress.length)
    return { kind: "some", refused: refusing.flatMap(({ workloads }) => workloads).sort() };
  return { kind: "refused", label: one.first.label, rule: one.first.rule };
}
