/** What a traffic policy means for a balancer. */
import type { BalancingPolicy, TrafficPolicy } from "#model";
import type { Locality } from "./locality.ts";
import { OUTLIER_DEFAULTS } from "./outlier-detection.ts";
import { type BalancerSettings, type LoadBalancing, PEAK_EWMA } from "./settings.ts";

/** A ring that is longer takes longer to build than an agent may stand still. */
const RING_SIZE_MAX = 1024 * 1024;

/** `own` is where the caller is. Without a policy the balancer does as it does by itself. */
export function balancerSettings(traffic: TrafficPolicy | undefined, own: Locality): BalancerSettings {
  if (traffic === undefined) return { policy: { kind: "least-request" } };
  const { balancing, outlierDetection, isLocal, failover, distribute, warmupMs } = traffic;
  return {
    policy: policyOf(balancing),
    outlierDetection: outlierDetection && { ...OUTLIER_DEFAULTS, ...outlierDetection },
    locality: isLocal ? { own, failover, distribute } : undefined,
    warmup: warmupMs === undefined || warmupMs === 0 ? undefined : { durationMs: warmupMs },
  };
}

function policyOf(balancing: BalancingPolicy): LoadBalancing {
  if (balancing.kind === "peak-ewma") return PEAK_EWMA;
  if (balancing.kind !== "ring-hash") return balancing;
  return { ...balancing, maximumRingSize: RING_SIZE_MAX };
}

/** Where a workload is, by the labels that Kubernetes and Istio use for it. */
export function localityOf(labels: Readonly<Record<string, string>>): Locality {
  return {
    region: labels["topology.kubernetes.io/region"] ?? "",
    zone: labels["topology.kubernetes.io/zone"] ?? "",
    subZone: labels["topology.istio.io/subzone"] ?? "",
  };
}
