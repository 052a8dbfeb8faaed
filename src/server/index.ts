/** The control plane as one process: what agents talk to, what people talk to, and what it keeps. */
export type { AgentPlaneListener, ResourceSource } from "./agent-plane.ts";
export {
  type ControlPlane,
  type ControlPlaneOptions,
  type IdentityProviderSettings,
  type ServerLog,
  startControlPlane,
} from "./control-plane.ts";
export type { UpstreamSettings } from "./enrolment/upstream.ts";
export {
  type RunningApi,
  type RunningServer,
  type ServerOptions,
  type ServerStores,
  type SocketAddress,
  startServer,
} from "./start-server.ts";
export { type WorkloadView, workloadViews } from "./workload-view.ts";
