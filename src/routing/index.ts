/** Which rule a request meets, and which endpoint it goes to. Pure: time and chance are handed in. */
export { Balancer } from "./balancer.ts";
export { type Candidate, hashKeyOf, type Weighted } from "./balancing/candidate.ts";
export { CircuitBreaker, type CircuitLimits, type Limited } from "./balancing/circuit-breaker.ts";
export type { Distribution, Locality, LocalitySettings, RegionFailover } from "./balancing/locality.ts";
export { balancerSettings, localityOf } from "./balancing/of-traffic-policy.ts";
export { OUTLIER_DEFAULTS, type OutlierSettings } from "./balancing/outlier-detection.ts";
export type { PickRequest } from "./balancing/picker.ts";
export { type BalancerSettings, type LoadBalancing, MAGLEV, PEAK_EWMA, RING_HASH } from "./balancing/settings.ts";
export type { Warmup } from "./balancing/slow-start.ts";
export { type BucketSettings, CallerBuckets, TokenBucket } from "./balancing/token-bucket.ts";
export { Word64 } from "./balancing/word64.ts";
export { type Hash64, xxHash64 } from "./balancing/xxhash64.ts";
export { RetryBudget } from "./retry-budget.ts";
export { changedFields, changedTarget, pickBackend, redirectLocation } from "./routes/apply-route.ts";
export { byteRuleFor } from "./routes/byte-rules.ts";
export { lowerByteRoute, lowerGrpcRoute, lowerHttpRoute, type References } from "./routes/lower-route.ts";
export { queryValue } from "./routes/query.ts";
export {
  type ByteRule,
  backendsOf,
  type Mirror,
  type RouteBackendRule,
  type RouteMatch,
  type RouteRule,
  type ServiceRoutes,
  type WeightedBackend,
} from "./routes/route-rule.ts";
export { type RoutedRequest, type RouteEntry, RouteTable } from "./routes/route-table.ts";
