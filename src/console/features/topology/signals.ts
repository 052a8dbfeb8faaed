import type { EdgeView, GraphView, NodeView, Percentiles } from "../../api-client/shapes.ts";

export type Health = "idle" | "good" | "warn" | "bad";
export type EdgeState = Health | "denied";

/** What calls to a service looked like; `undefined` where nothing was measured. */
export interface Signals {
  readonly perSecond: number;
  readonly successRate: number | undefined;
  readonly latency: Percentiles | undefined;
}

export type Reporters = Pick<EdgeView, "fromSource" | "fromDestination">;

/** Where colour changes. Success below 99 % or a p99 above a quarter second is worth a look; 95 % or a second is not fine. */
const THRESHOLDS = {
  warn: { successRate: 0.99, p99Ms: 250 },
  bad: { successRate: 0.95, p99Ms: 1_000 },
} as const;

export function edgeId(edge: { readonly source: string; readonly destination: string }): string {
  return `${edge.source}>${edge.destination}`;
}

/** The view of the caller, because it is what a user felt; the callee's where the caller reports nothing. */
export function edgeLatency(edge: EdgeView): Percentiles | undefined {
  return edge.fromSource ?? edge.fromDestination ?? undefined;
}

export function edgeState(edge: EdgeView): EdgeState {
  if (edge.denied > 0 && edge.denied >= edge.requests) return "denied";
  if (edge.requests === 0) return "idle";
  return healthOf({
    perSecond: edge.requestsPerSecond,
    successRate: successWithoutDenials([edge]),
    latency: edgeLatency(edge),
  });
}

export function successHealth(successRate: number): Health {
  if (successRate < THRESHOLDS.bad.successRate) return "bad";
  return successRate < THRESHOLDS.warn.successRate ? "warn" : "good";
}

export function latencyHealth(p99Ms: number): Health {
  if (p99Ms > THRESHOLDS.bad.p99Ms) return "bad";
  return p99Ms > THRESHOLDS.warn.p99Ms ? "warn" : "good";
}

/** A service's signals are those of the calls to it; an entry that nobody in the mesh calls is known by the calls it makes. */
export function nodeSignals(graph: GraphView, id: string): Signals {
  const inbound = graph.edges.filter((edge) => edge.destination === id);
  const edges = inbound.length > 0 ? inbound : graph.edges.filter((edge) => edge.source === id);
  const served = edges.filter((edge) => edgeState(edge) !== "denied");
  return {
    perSecond: sum(served, (edge) => edge.requestsPerSecond),
    successRate: successWithoutDenials(served),
    latency: combinedLatency(served, edgeLatency),
  };
}

export function nodeHealth(node: NodeView, signals: Signals): Health {
  if (node.replicas.length > 0 && node.replicas.every((replica) => !replica.ready)) return "bad";
  const health = healthOf(signals);
  return health === "good" && node.replicas.some((replica) => !replica.ready) ? "warn" : health;
}

function healthOf(signals: Signals): Health {
  if (signals.successRate === undefined) return "idle";
  const both = [successHealth(signals.successRate), latencyHealth(signals.latency?.p99Ms ?? 0)];
  if (both.includes("bad")) return "bad";
  return both.includes("warn") ? "warn" : "good";
}

/** A policy that denies does its work; it must not make the service behind it look ill. */
function successWithoutDenials(edges: readonly EdgeView[]): number | undefined {
  const measured = edges.filter((edge) => edge.successRate !== null);
  const served = sum(measured, (edge) => Math.max(0, edge.requests - edge.denied));
  if (served === 0) return undefined;
  const failed = sum(measured, (edge) => Math.max(0, edge.requests * (1 - (edge.successRate ?? 1)) - edge.denied));
  return 1 - Math.min(1, failed / served);
}

/** What calls to a service took, as its callers' agents and as its own agents saw it. */
export function nodeReporters(graph: GraphView, id: string): Reporters {
  const served = graph.edges.filter((edge) => edge.destination === id && edgeState(edge) !== "denied");
  return {
    fromSource: combinedLatency(served, (edge) => edge.fromSource) ?? null,
    fromDestination: combinedLatency(served, (edge) => edge.fromDestination) ?? null,
  };
}

/** Percentiles do not add up: the median is weighted by requests, the 99th is that of the worst edge. */
function combinedLatency(
  edges: readonly EdgeView[],
  latencyOf: (edge: EdgeView) => Percentiles | null | undefined,
): Percentiles | undefined {
  const measured = edges.flatMap((edge) => {
    const latency = latencyOf(edge) ?? undefined;
    return latency === undefined ? [] : [{ latency, weight: edge.requests }];
  });
  const weight = sum(measured, (each) => each.weight);
  if (weight === 0) return undefined;
  return {
    p50Ms: sum(measured, (each) => each.latency.p50Ms * each.weight) / weight,
    p99Ms: Math.max(...measured.map((each) => each.latency.p99Ms)),
  };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
