import type { GraphView } from "#api";
import {
  type EdgeTotals,
  type EndReason,
  isFailure,
  mergeBuckets,
  nodeIdOf,
  quantileUs,
  type SparseBuckets,
} from "#telemetry";

/** What the registry knows of one replica. */
export interface KnownWorkload {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly instance: string;
  /** Service that it belongs to; its service account's name where it has none. */
  readonly service?: string | undefined;
  readonly role: "service" | "gateway" | "load-balancer";
  readonly ready: boolean;
  readonly svidNotAfterMs: number;
}

type Node = GraphView["nodes"][number];
type EdgeView = GraphView["edges"][number];

interface Side {
  requests: number;
  failed: number;
  denied: number;
  isProved: boolean;
  buckets: SparseBuckets;
}

interface EdgeSum {
  readonly source: string;
  readonly destination: string;
  readonly sides: { source?: Side; destination?: Side };
  readonly policies: Set<string>;
}

export interface GraphQuestion {
  readonly nowMs: number;
  readonly windowMs: number;
  readonly totals: readonly EdgeTotals[];
  readonly workloads: readonly KnownWorkload[];
}

/** The map of a window. Nodes are those that the registry knows and those that traffic showed. */
export function graphViewOf({ nowMs, windowMs, totals, workloads }: GraphQuestion): GraphView {
  const edges = sumEdges(totals);
  const nodes = nodesOf(workloads);
  for (const { source, destination } of edges)
    for (const id of [source, destination]) if (!nodes.has(id)) nodes.set(id, seenOnly(id));
  return {
    generatedAtMs: nowMs,
    windowMs,
    nodes: [...nodes.values()].sort((a, b) => a.id.localeCompare(b.id)),
    edges: edges.map((edge) => viewOf(edge, windowMs)).sort((a, b) => b.requests - a.requests),
  };
}

export function nodeOf(workload: KnownWorkload): string {
  return `${workload.namespace}/${workload.service ?? workload.serviceAccount}`;
}

function nodesOf(workloads: readonly KnownWorkload[]): Map<string, Node> {
  const nodes = new Map<string, Node>();
  for (const workload of workloads) {
    const id = nodeOf(workload);
    const replica = { instance: workload.instance, ready: workload.ready, svidNotAfterMs: workload.svidNotAfterMs };
    const known = nodes.get(id);
    if (known !== undefined) known.replicas.push(replica);
    else nodes.set(id, { ...seenOnly(id), role: workload.role, replicas: [replica] });
  }
  return nodes;
}

function seenOnly(id: string): Node {
  if (id === "external") return { id, namespace: "", name: id, role: "external", replicas: [] };
  const slash = id.indexOf("/");
  return { id, namespace: id.slice(0, slash), name: id.slice(slash + 1), role: "service", replicas: [] };
}

function sumEdges(totals: readonly EdgeTotals[]): EdgeSum[] {
  const edges = new Map<string, EdgeSum>();
  for (const each of totals) {
    const [source, destination] = [nodeIdOf(each.edge.source), nodeIdOf(each.edge.destination)];
    const key = `${source}\n${destination}`;
    const sum = edges.get(key) ?? { source, destination, sides: {}, policies: new Set<string>() };
    edges.set(key, sum);
    const side = sum.sides[each.edge.reporter] ?? { requests: 0, failed: 0, denied: 0, isProved: true, buckets: [] };
    sum.sides[each.edge.reporter] = side;
    addTo(side, each);
    if (each.policy !== "" && each.endReason !== "rate-limited") sum.policies.add(each.policy);
  }
  return [...edges.values()];
}

/** Ends before there was a peer that could have proved anything. */
const WITHOUT_CONNECTION: ReadonlySet<EndReason> = new Set<EndReason>([
  "no-healthy-upstream",
  "route-not-found",
  "upstream-connect-failure",
  "overflow",
  "egress-denied",
]);

function addTo(side: Side, totals: EdgeTotals): void {
  side.requests += totals.count;
  if (isFailure(totals.status, totals.endReason)) side.failed += totals.count;
  if (totals.endReason === "policy-denied" || totals.endReason === "egress-denied") side.denied += totals.count;
  if (!WITHOUT_CONNECTION.has(totals.endReason)) side.isProved &&= totals.edge.mtls;
  side.buckets = mergeBuckets(side.buckets, totals.buckets);
}

function viewOf({ source, destination, sides, policies }: EdgeSum, windowMs: number): EdgeView {
  const both = [sides.source, sides.destination].filter((side) => side !== undefined);
  const requests = Math.max(0, ...both.map((side) => side.requests));
  const failed = Math.max(0, ...both.map((side) => side.failed));
  return {
    source,
    destination,
    mtls: both.length === 2 && both.every((side) => side.isProved),
    requests,
    requestsPerSecond: requests / (windowMs / 1000),
    successRate: requests === 0 ? null : Math.max(0, 1 - failed / requests),
    fromSource: quantilesOf(sides.source),
    fromDestination: quantilesOf(sides.destination),
    // The callee's agent decides; a caller may read the mark of a denial that happened further on.
    denied: (sides.destination ?? sides.source)?.denied ?? 0,
    denyPolicies: [...policies].sort(),
  };
}

function quantilesOf(side: Side | undefined): { p50Ms: number; p99Ms: number } | null {
  const [p50, p99] = [quantileUs(side?.buckets ?? [], 0.5), quantileUs(side?.buckets ?? [], 0.99)];
  return p50 === undefined || p99 === undefined ? null : { p50Ms: p50 / 1000, p99Ms: p99 / 1000 };
}
