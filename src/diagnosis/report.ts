/** Every cause that a diagnosis may name. */
export const CAUSES = [
  "application",
  "bad-replica",
  "bad-version",
  "skewed-balancing",
  "retry-storm",
  "client",
  "load-balancer",
  "network",
  "proxy",
  "policy-denial",
  "discovery",
  "certificate",
  "overload",
  "host-contention",
] as const;
export type Cause = (typeof CAUSES)[number];

export interface TimeSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/** How much one hop contributes to the entry's mean duration, per entry request. */
export interface HopTime {
  /** A node (`shop/cart`), or `shop/cart → shop/stock` for what lies between two agents. */
  readonly hop: string;
  readonly cause: Cause;
  readonly baselineMs: number;
  readonly currentMs: number;
}

export interface Culprit {
  /** A node, a replica (`inventory-2`) or a pair `a → b`. */
  readonly hop: string;
  readonly cause: Cause;
  /** Part of the degradation, 0…1. */
  readonly share: number;
  /** 0…1: how much data and how clear a difference stand behind it. */
  readonly confidence: number;
  readonly summary: string;
  readonly evidence: readonly string[];
  /** What to do or look at next. */
  readonly next: string;
}

export interface Change {
  readonly atMs: number;
  readonly what: string;
}

export interface WhyReport {
  readonly service: string;
  readonly window: TimeSpan;
  readonly baseline: TimeSpan;
  readonly status: "culprit" | "healthy" | "insufficient-data";
  readonly summary: string;
  /** Mean duration as the entry's callers saw it. */
  readonly latency: { readonly baselineMs: number; readonly currentMs: number };
  readonly errorRate: { readonly baseline: number; readonly current: number };
  readonly hops: readonly HopTime[];
  /** The most guilty first. */
  readonly culprits: readonly Culprit[];
  readonly changes: readonly Change[];
}
