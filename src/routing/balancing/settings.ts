/** How a service is balanced, with the names and defaults of Istio's DestinationRule and Envoy's clusters. */
import type { LocalitySettings } from "./locality.ts";
import type { OutlierSettings } from "./outlier-detection.ts";
import type { Warmup } from "./slow-start.ts";

/** Which of the usable endpoints gets a request. */
export type LoadBalancing =
  /** Of two drawn at random the one with fewer requests in flight. */
  | { readonly kind: "least-request" }
  /** In turn, each as often as its weight says, evenly mixed. */
  | { readonly kind: "round-robin" }
  /** Drawn at random, by weight. */
  | { readonly kind: "random" }
  | PeakEwmaBalancing
  | RingHashBalancing
  | MaglevBalancing;

/** Of two drawn at random the one that is expected to answer sooner (Linkerd's balancer). */
export interface PeakEwmaBalancing {
  readonly kind: "peak-ewma";
  /** How fast the past is forgotten: after so long a share of 1/e of it counts. */
  readonly decayMs: number;
  /** What is expected of an endpoint that has not answered yet. */
  readonly firstMs: number;
  /** What a failed answer counts as: one that fails fast must not look fast. */
  readonly penaltyMs: number;
}

/** The same key to the same endpoint, by Envoy's ketama ring. */
export interface RingHashBalancing {
  readonly kind: "ring-hash";
  /** More places divide keys more evenly. */
  readonly minimumRingSize: number;
  /** At most 8 388 608; a ring that long takes seconds to build. */
  readonly maximumRingSize: number;
}

/** The same key to the same endpoint, by Google's table: more even than the ring, moves a few more keys when endpoints change. */
export interface MaglevBalancing {
  readonly kind: "maglev";
  /** A prime of at most 5 000 011. */
  readonly tableSize: number;
}

/** Policies whose settings nobody gave. */
export const PEAK_EWMA: PeakEwmaBalancing = { kind: "peak-ewma", decayMs: 10_000, firstMs: 30, penaltyMs: 5000 };
export const RING_HASH: RingHashBalancing = {
  kind: "ring-hash",
  minimumRingSize: 1024,
  maximumRingSize: 8 * 1024 * 1024,
};
export const MAGLEV: MaglevBalancing = { kind: "maglev", tableSize: 65_537 };

export interface BalancerSettings {
  readonly policy: LoadBalancing;
  /** Ejects endpoints whose answers are bad; absent: off, and with it the failover between localities. */
  readonly outlierDetection?: OutlierSettings | undefined;
  /** Where the caller is, and what is preferred from there; absent: all places are alike. */
  readonly locality?: LocalitySettings | undefined;
  /** Gives new endpoints their share by and by; absent: at once. */
  readonly warmup?: Warmup | undefined;
}
