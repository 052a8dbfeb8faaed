/** Which rule a request meets, and which endpoint it goes to. Pure: time and chance are handed in. */
export { Balancer, type Candidate, type Weighted } from "./balancer.ts";
export { RetryBudget } from "./retry-budget.ts";
export { type Hash64, xxHash64 } from "./balancing/xxhash64.ts";
export { changedFields, changedTarget, pickBackend, redirectLocation } from "./routes/apply-route.ts";
export { lowerByteRoute, lowerGrpcRoute, lowerHttpRoute, type ResolveBackend } from "./routes/lower-route.ts";
export {
  backendsOf,
  type ByteRule,
  type Mirror,
  type RouteBackendRule,
  type RouteMatch,
  type RouteRule,
  type ServiceRoutes,
  type WeightedBackend,
} from "./routes/route-rule.ts";
export { type RoutedRequest, type RouteEntry, RouteTable } from "./routes/route-table.ts";
