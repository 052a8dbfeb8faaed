/** Serves mesh snapshots to agents over the delta Aggregated Discovery Service, to each only what concerns its own workload. */
export { AgentStream, type Refusal } from "./agent-stream.ts";
export { type ConnectedAgent, DiscoveryServer, type DiscoveryServerOptions } from "./discovery-server.ts";
export { type StreamAgent, streamAgent } from "./stream-agent.ts";
