/** Keeps an agent's configuration the server's: subscription, acceptance and refusal, and the last good one on disk. */
export type { AgentNode } from "./delta-session.ts";
export type { LastGood } from "./last-good.ts";
export { XdsClient, type XdsClientOptions, type XdsClientState } from "./xds-client.ts";
