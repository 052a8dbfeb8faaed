/** Nouns of the mesh: resource kinds, names, and the form of every failure. Knows no text format, no engine and no clock. */

export {
  type AccessPolicy,
  type AccessRule,
  type AccessSchedule,
  type AccessSubject,
  OWNER_ANNOTATION,
  PARENT_LABEL,
  POSTURE_LABEL,
} from "./access-policy.ts";
export { type AddressBlock, type IpAddress, isInBlock, parseAddress, parseAddressBlock } from "./address.ts";
export { ADMIN_VERBS, type AdminHolder, type AdminRole, type AdminVerb } from "./admin-role.ts";
export { APP_PROTOCOLS, type AppProtocol, appProtocolOf, isAppProtocol } from "./app-protocol.ts";
export { type AuditCheck, type AuditFault, checkAuditChain, describeAuditFault } from "./audit-chain.ts";
export {
  AUDIT_GENESIS,
  AUDIT_KEPT_MIN,
  AUDIT_TRIMMED,
  type AuditEntry,
  type AuditHead,
  type AuditLine,
  auditText,
  formatAuditHead,
  parseAuditHead,
  trimDetail,
} from "./audit-entry.ts";
export {
  type AuthorizationAction,
  type AuthorizationCondition,
  type AuthorizationOperation,
  type AuthorizationPolicy,
  type AuthorizationRule,
  type AuthorizationSource,
  DRY_RUN_ANNOTATION,
} from "./authorization-policy.ts";
export {
  type AuthorizationProvider,
  type CheckedBody,
  type CheckHeaders,
  matchesHeaderName,
  type NamedProvider,
} from "./authorization-provider.ts";
export { type CompiledExpression, compileExpression } from "./condition-expression.ts";
export { type ConditionKey, parseConditionKey } from "./condition-key.ts";
export type { Federation } from "./federation.ts";
export { plainFieldName } from "./field-name.ts";
export {
  JWKS_CHARS_MAX,
  type PublicJwk,
  parseJsonWebKeys,
  TOKEN_ALGORITHMS,
  type TokenAlgorithm,
  type TokenKey,
  writeJsonWebKeys,
} from "./json-web-keys.ts";
export { hasLabels, versionOf } from "./labels.ts";
export {
  DNS_LABEL,
  type ServiceKey,
  serviceKey,
  splitKey,
  subsetName,
  type WorkloadKey,
  wholeServiceName,
} from "./names.ts";
export {
  type LabelSelector,
  meetsSelector,
  type NetworkPeer,
  type NetworkPolicy,
  type NetworkPort,
  type NetworkRule,
} from "./network-policy.ts";
export {
  type AttestedIdentities,
  NODE_FACTS,
  type NodeAttestation,
  type NodeAttestor,
  type NodeAttestorKind,
} from "./node-attestation.ts";
export { compilePattern } from "./pattern.ts";
export { MTLS_MODES, type MtlsMode, type MtlsSetting, type PeerAuthentication } from "./peer-authentication.ts";
export {
  type Failure,
  failure,
  formatProblem,
  formatProblems,
  type Place,
  type Problem,
  type ProblemDetail,
  ProblemError,
  problem,
  type Result,
  success,
  valueOrThrow,
} from "./problem.ts";
export { PROBLEM_CODES, type ProblemCode } from "./problem-codes.ts";
export type { LimitKey, RateLimit, RateLimitPolicy } from "./rate-limit-policy.ts";
export type {
  IssuerKeySource,
  JwtRule,
  PolicyTargetRef,
  RequestAuthentication,
  TokenLocations,
  TokenOutputs,
} from "./request-authentication.ts";
export type { Fault, Hedge, RequestPolicy } from "./request-policy.ts";
export type { ObjectMeta } from "./resource-of.ts";
export type {
  Kind,
  Mesh,
  Namespace,
  Resource,
  ResourceRef,
  Service,
  ServiceAccount,
  ServicePort,
  WorkloadEntry,
} from "./resources.ts";
export type {
  BackendReference,
  ByteRouteRule,
  GrpcMethodMatch,
  GrpcRoute,
  GrpcRouteMatch,
  GrpcRouteRule,
  HeaderModifier,
  HeaderValue,
  HttpRoute,
  HttpRouteMatch,
  HttpRouteRule,
  NamedTextMatch,
  ParentReference,
  PathMatch,
  PathModifier,
  ReferenceGrant,
  RequestMirror,
  RequestRedirect,
  Route,
  RouteBackend,
  RouteFilter,
  RouteRetry,
  TcpRoute,
  TextMatch,
  TlsRoute,
  UrlRewrite,
} from "./routes.ts";
export { isTimeZone } from "./time-zone.ts";
export type {
  BalancingPolicy,
  ConnectionPool,
  DestinationRule,
  HashKey,
  OutlierDetection,
  Subset,
  TrafficPolicy,
} from "./traffic-policy.ts";
