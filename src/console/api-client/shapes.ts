import type { GraphView, WhyView } from "#api";

export type { GraphView };
export type NodeView = GraphView["nodes"][number];
export type NodeRole = NodeView["role"];
export type ReplicaView = NodeView["replicas"][number];
export type EdgeView = GraphView["edges"][number];
export type Percentiles = NonNullable<EdgeView["fromSource"]>;

export type WhyReport = WhyView;
export type Culprit = WhyReport["culprits"][number];
export type HopChange = WhyReport["hops"][number];
export type Cause = HopChange["cause"];
