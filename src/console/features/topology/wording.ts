import type { EdgeView, NodeRole, NodeView } from "../../api-client/shapes.ts";
import { summarizePolicies } from "../../format/policies.ts";
import { formatCount, formatDuration, formatRate, formatShare } from "../../format/quantities.ts";
import { edgeLatency, edgeState, type Signals } from "./signals.ts";

export const ROLE_NAMES: Readonly<Record<NodeRole, string>> = {
  service: "service",
  gateway: "gateway",
  "load-balancer": "load balancer",
  external: "outside",
};

/** What the card shows, said in a sentence for those who hear it. */
export function describeNode(node: NodeView, signals: Signals): string {
  const ready = node.replicas.filter((replica) => replica.ready).length;
  const replicas = node.replicas.length === 0 ? [] : [`${ready} of ${node.replicas.length} replicas ready`];
  return [node.name, ROLE_NAMES[node.role], ...describeSignals(signals), ...replicas].join(", ");
}

/** What an edge and its label show, said in a sentence. */
export function describeEdge(edge: EdgeView): string {
  const pair = `${shortName(edge.source)} to ${shortName(edge.destination)}`;
  const denials =
    edge.denied > 0 ? [`${formatCount(edge.denied)} denied by ${summarizePolicies(edge.denyPolicies)}`] : [];
  if (edgeState(edge) === "denied") return [pair, ...denials].join(", ");
  const signals = describeSignals({
    perSecond: edge.requestsPerSecond,
    successRate: edge.successRate ?? undefined,
    latency: edgeLatency(edge),
  });
  return [pair, edge.mtls ? "mutual TLS" : "not proved mutual TLS", ...signals, ...denials].join(", ");
}

/** The name without its namespace. */
export function shortName(id: string): string {
  return id.slice(id.indexOf("/") + 1);
}

function describeSignals(signals: Signals): readonly string[] {
  if (signals.successRate === undefined) return ["no traffic"];
  const latency =
    signals.latency === undefined
      ? []
      : [`median ${formatDuration(signals.latency.p50Ms)}`, `p99 ${formatDuration(signals.latency.p99Ms)}`];
  return [
    `${formatRate(signals.perSecond)} requests a second`,
    `${formatShare(signals.successRate)} success`,
    ...latency,
  ];
}
