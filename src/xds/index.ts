/** A snapshot's parts as the messages that travel to agents, and back into what an agent runs by. Pure; streams are `xds/server` and `xds/client`. */
export type { AgentConfig, AgentEndpoint, AgentService, AgentSettings } from "./agent-config.ts";
export { type DecodedResource, decodeResource } from "./decode.ts";
export { type EncodedResource, ResourceEncoder } from "./encode.ts";
export {
  type Assembled,
  configOf,
  type HeldResource,
  type HeldResources,
  NOTHING_HELD,
  neededServices,
  type ResourceChange,
  withChange,
  withNeededServices,
} from "./held-resources.ts";
export {
  kindOf,
  OWN_POLICY_NAME,
  RESOURCE_KINDS,
  type ResourceKind,
  SETTINGS_NAME,
  typeUrlOf,
} from "./resource-kinds.ts";
