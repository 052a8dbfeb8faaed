/** Messages and services of the wire protocols, generated from `proto/` by `node scripts/generate-proto.js`. */
export {
  Authorization,
  type CheckRequest,
  CheckRequestSchema,
  type CheckResponse,
  CheckResponseSchema,
} from "./gen/envoy/service/auth/v3/external_auth_pb.ts";
export { AggregatedDiscoveryService } from "./gen/envoy/service/discovery/v3/ads_pb.ts";
export {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  type Resource as DiscoveryResource,
} from "./gen/envoy/service/discovery/v3/discovery_pb.ts";
export {
  type AnnounceRequest,
  type AnnounceResponse,
  type EnrolRequest,
  Identity,
  type NodeEvidence as NodeEvidenceMessage,
  Registry,
  type RenewRequest,
  type ReportRequest,
  ReportRequestSchema,
  type SvidResponse,
  Telemetry,
  type WithdrawRequest,
} from "./gen/heddle/v1/control_pb.ts";
export {
  type InboundPolicy as InboundPolicyMessage,
  InboundPolicy_Mtls,
  InboundPolicySchema,
  type MeshSettings as MeshSettingsMessage,
  MeshSettingsSchema,
  PolicyRuleSet_Action,
  PolicyRuleSet_Mode,
  type RateLimitSet as RateLimitSetMessage,
  type Revocation as RevocationMessage,
  type Service as ServiceMessage,
  type ServiceRoutes as ServiceRoutesMessage,
  ServiceRoutesSchema,
  ServiceSchema,
  type TrafficPolicySchema,
  type TrustBundle as TrustBundleMessage,
  TrustBundleSchema,
} from "./gen/heddle/v1/resources_pb.ts";
export {
  type TelemetryBatch as TelemetryBatchMessage,
  TelemetryBatchSchema,
  TelemetrySampleSchema,
} from "./gen/heddle/v1/telemetry_pb.ts";
export { SpiffeWorkloadAPI, X509SVIDResponseSchema } from "./gen/spiffe/workload_pb.ts";
