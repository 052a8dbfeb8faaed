/** The waist: resources and announced workloads become one immutable numbered snapshot, and a snapshot is cut down to one agent. */
export { egressRulesFor, lineageOf } from "./access.ts";
export { type Registration, registrationKey, SERVICE_LABEL } from "./registration.ts";
export { type RouteCondition, type RouteParentStatus, routeName, routesFor } from "./routes.ts";
export {
  type InboundRules,
  inboundRulesFor,
  type Scope,
  type ScopedWorkload,
  scopeFor,
  type WorkloadRules,
  workloadRulesFor,
} from "./scope.ts";
export type { Endpoint, MeshService } from "./services.ts";
export { defaultSettings, type MeshSettings } from "./settings.ts";
export { emptySnapshot, type MeshChange, type MeshInputs, type MeshSnapshot, nextSnapshot } from "./snapshot.ts";
export { type IssuerKeys, issuerKeyName, issuersWithoutKeys } from "./tokens.ts";
