export interface Percentiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface ReplicaView {
  readonly instance: string;
  readonly ready: boolean;
  readonly svidNotAfterMs: number;
}

export type NodeRole = "service" | "gateway" | "load-balancer" | "external";

export interface NodeView {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly role: NodeRole;
  readonly replicas: readonly ReplicaView[];
}

export interface EdgeView {
  readonly source: string;
  readonly destination: string;
  readonly mtls: boolean;
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly successRate: number | null;
  readonly fromSource: Percentiles | null;
  readonly fromDestination: Percentiles | null;
  readonly denied: number;
  readonly denyPolicies: readonly string[];
}

export interface GraphView {
  readonly generatedAtMs: number;
  readonly windowMs: number;
  readonly nodes: readonly NodeView[];
  readonly edges: readonly EdgeView[];
}

export interface Culprit {
  readonly hop: string;
  readonly cause: string;
  readonly share: number;
  readonly confidence: number;
  readonly summary: string;
  readonly evidence: readonly string[];
  readonly next: string;
}

export interface HopChange {
  readonly hop: string;
  readonly cause: string;
  readonly baselineMs: number;
  readonly currentMs: number;
}

export interface WhyReport {
  readonly service: string;
  readonly status: "culprit" | "healthy" | "insufficient-data";
  readonly summary: string;
  readonly latency: { readonly baselineMs: number; readonly currentMs: number };
  readonly errorRate: { readonly baseline: number; readonly current: number };
  readonly hops: readonly HopChange[];
  readonly culprits: readonly Culprit[];
  readonly changes: readonly { readonly atMs: number; readonly what: string }[];
}
