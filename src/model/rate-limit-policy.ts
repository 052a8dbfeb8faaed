/** How many requests a workload takes, after defaults. Heddle's own kind; the words are those of Istio's AuthorizationPolicy and Envoy's local rate limit. */
import type { AuthorizationOperation } from "./authorization-policy.ts";
import type { ResourceOf } from "./resource-of.ts";

/** Who shares a limit with whom. */
export type LimitKey =
  /** All callers together. */
  | { readonly kind: "workload" }
  /** Each calling principal has the limit for itself. */
  | { readonly kind: "caller" }
  /** Each value of the header has; requests without it share one. Lower case. */
  | { readonly kind: "header"; readonly name: string };

export interface RateLimit {
  /** Unique in its policy; `limit-1` and so on unless given. */
  readonly name: string;
  /** What it counts: any of these; empty counts everything. */
  readonly to: readonly AuthorizationOperation[];
  readonly by: LimitKey;
  /** So many for each `perMs`. They come back bit by bit. */
  readonly requests: number;
  readonly perMs: number;
  /** What may come at once after a pause. */
  readonly burst: number;
}

export interface RateLimitPolicy extends ResourceOf<"heddle.dev/v1", "RateLimitPolicy"> {
  readonly spec: {
    /** Undefined selects every workload of the namespace (of the mesh, in the root namespace). */
    readonly selector: Readonly<Record<string, string>> | undefined;
    /** All that match must have room. */
    readonly limits: readonly RateLimit[];
  };
}
