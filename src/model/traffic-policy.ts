/** How calls to a service are balanced and bounded, after defaults. Source: Istio `networking.istio.io/v1`, `DestinationRule`. */
import type { ResourceOf } from "./resource-of.ts";

/** What of a request decides that it meets the same endpoint as another. */
export type HashKey =
  | { readonly kind: "header"; readonly name: string }
  | { readonly kind: "query"; readonly name: string }
  | { readonly kind: "source-ip" }
  /** `ttlMs`: how long a cookie lives that the agent makes for a caller without one; 0: as long as its session. */
  | { readonly kind: "cookie"; readonly name: string; readonly path: string; readonly ttlMs: number };

export type BalancingPolicy =
  | { readonly kind: "least-request" }
  | { readonly kind: "round-robin" }
  | { readonly kind: "random" }
  | { readonly kind: "peak-ewma" }
  | { readonly kind: "ring-hash"; readonly minimumRingSize: number }
  | { readonly kind: "maglev"; readonly tableSize: number };

export interface OutlierDetection {
  readonly consecutive5xxErrors: number;
  readonly consecutiveGatewayErrors: number;
  readonly consecutiveLocalOriginFailures: number;
  readonly splitExternalLocalOriginErrors: boolean;
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionPercent: number;
  readonly minHealthPercent: number;
}

export interface ConnectionPool {
  /** Tunnels of bytes under way; undefined: the agent's own bound. */
  readonly connections: number | undefined;
  /** Requests that wait for a connection. */
  readonly pendingRequests: number | undefined;
  readonly requests: number | undefined;
  /** Requests under way that are repetitions. */
  readonly retries: number | undefined;
  /** Undefined: as the mesh says. */
  readonly connectTimeoutMs: number | undefined;
}

export interface TrafficPolicy {
  readonly balancing: BalancingPolicy;
  readonly hashKey: HashKey | undefined;
  /** Regions to go to when the own fails. */
  readonly failover: readonly { readonly from: string; readonly to: string }[];
  /** Percentages by locality, for callers in `from`. */
  readonly distribute: readonly { readonly from: string; readonly to: Readonly<Record<string, number>> }[];
  /** Whether nearer endpoints are preferred. */
  readonly isLocal: boolean;
  readonly warmupMs: number | undefined;
  readonly outlierDetection: OutlierDetection | undefined;
  readonly pool: ConnectionPool;
}

export interface Subset {
  readonly name: string;
  /** All must equal the workload's labels. */
  readonly labels: Readonly<Record<string, string>>;
  /** Instead of the rule's own; undefined: the rule's own. */
  readonly trafficPolicy: TrafficPolicy | undefined;
}

export interface DestinationRule extends ResourceOf<"networking.istio.io/v1", "DestinationRule"> {
  readonly spec: {
    /** Name of a service in the rule's own namespace. */
    readonly service: string;
    readonly trafficPolicy: TrafficPolicy | undefined;
    readonly subsets: readonly Subset[];
  };
}
