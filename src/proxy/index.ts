/**
 * The hot path: what an app sends leaves as its workload's identity, what others send is decided before the app sees it.
 * Sees compiled tables only: never YAML, a database, or the making of a certificate.
 */
export type { Authorization, Authorizer, CheckedHttp, CheckedRequest } from "./authorizer.ts";
export type { AppOptions } from "./inbound/app/app.ts";
export type { ProxyLimits } from "./limits.ts";
export type {
  OutboundEndpoint,
  ProxySettings,
  ProxyTables,
  ProxyWorkload,
  RoutingTable,
  ServiceTable,
} from "./tables.ts";
export { type BoundAddresses, type ProxyOptions, type ProxyState, WorkloadProxy } from "./workload-proxy.ts";
