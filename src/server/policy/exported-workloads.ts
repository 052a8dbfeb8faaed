/** The services of the mesh as other systems tell workloads: by labels. */
import { inboundRulesFor, type MeshService, type MeshSnapshot, type Registration, registrationKey } from "#mesh";
import { hasLabels, wholeServiceName } from "#model";
import { ruleSetOf } from "#policy";
import type { ExportedWorkload, ExportFacts, ExportNote } from "#policy/export";

type Labels = Readonly<Record<string, string>>;
type Endpoint = MeshService["endpoints"][number];

export interface ExportedWorkloads {
  readonly workloads: readonly ExportedWorkload[];
  readonly notes: readonly ExportNote[];
}

/** Each service once, or once for each group of replicas with the same policies. */
export function exportedWorkloads(snapshot: MeshSnapshot, namespace: string | undefined): ExportedWorkloads {
  const services = [...snapshot.services.values()]
    .filter(({ name }) => wholeServiceName(name) === name)
    .filter((each) => namespace === undefined || each.namespace === namespace)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const groups = services.flatMap((service) => groupsOf(snapshot, service));
  const told = groups.map((group) => withOwnLabels(group, groups));
  return { workloads: told.flatMap(({ workload }) => workload ?? []), notes: told.flatMap(({ notes }) => notes) };
}

/** What only the workloads of an account bear, in its namespace. */
export function labelsOfAccounts({ inputs }: MeshSnapshot): ExportFacts["labelsOf"] {
  const all: readonly Registration[] = [...inputs.registrations.values()];
  return (namespace, account) => {
    const there = all.filter((each) => each.namespace === namespace);
    const [own, others] = [true, false].map((isOwn) =>
      there.filter((each) => (each.serviceAccount === account) === isOwn),
    );
    const labels = commonLabels((own ?? []).map((each) => each.labels));
    const isShared = (others ?? []).some((each) => hasLabels(each.labels, labels));
    return Object.keys(labels).length === 0 || isShared ? undefined : labels;
  };
}

interface Group extends ExportedWorkload {
  readonly endpoints: readonly Endpoint[];
}

function groupsOf(snapshot: MeshSnapshot, { namespace, name, endpoints }: MeshService): readonly Group[] {
  const replicas = endpoints.map((endpoint) => {
    const port = snapshot.inputs.registrations.get(registrationKey(endpoint))?.appPort ?? 0;
    return { endpoint, port, ruleSets: inboundRulesFor(snapshot, endpoint).ruleSets };
  });
  const groups = [...Map.groupBy(replicas, ({ port, ruleSets }) => JSON.stringify([port, ruleSets])).values()];
  return groups.flatMap((group, index) => {
    const [first] = group;
    if (first === undefined) return [];
    const own = group.map(({ endpoint }) => endpoint);
    const labels = commonLabels(own.map((each) => each.labels));
    const { port, ruleSets } = first;
    return [{ namespace, name: index === 0 ? name : `${name}-${index + 1}`, labels, port, ruleSets, endpoints: own }];
  });
}

interface Labelled {
  /** Undefined for one that cannot be told from others. */
  readonly workload: ExportedWorkload | undefined;
  readonly notes: readonly ExportNote[];
}

/** Policies for labels that workloads with other policies have too would be theirs as well: then nothing is allowed by them. */
function withOwnLabels(group: Group, all: readonly Group[]): Labelled {
  const { endpoints: _, ...workload } = group;
  const { namespace, name, labels } = workload;
  const label = { workload: `${namespace}/${name}`, policy: `Service/${namespace}/${name}`, rule: -1 };
  if (Object.keys(labels).length === 0) {
    const message = "has no label that all its replicas bear, by which it could be selected, and is not written";
    return { workload: undefined, notes: [{ ...label, effect: "not-written", message }] };
  }
  const text = JSON.stringify(group.ruleSets);
  const other = all.find(
    (each) =>
      each.namespace === namespace &&
      JSON.stringify(each.ruleSets) !== text &&
      each.endpoints.some((endpoint) => hasLabels(endpoint.labels, labels)),
  );
  if (other === undefined) return { workload, notes: [] };
  const message = `has no labels that only its own replicas bear (${other.name} has them too), and is closed there`;
  const closed = ruleSetOf({ ref: { kind: "Service", namespace, name }, action: "ALLOW" });
  return {
    workload: { ...workload, ruleSets: [closed] },
    notes: [{ ...label, effect: "denies-more", message }],
  };
}

/** Labels of our own are no other system's, unless there is nothing else to tell by. */
function commonLabels(all: readonly Labels[]): Labels {
  const [first = {}] = all;
  const shared = Object.entries(first).filter(([label, value]) => all.every((each) => each[label] === value));
  const foreign = shared.filter(([label]) => !label.startsWith("heddle.dev/"));
  return Object.fromEntries(foreign.length > 0 ? foreign : shared);
}
