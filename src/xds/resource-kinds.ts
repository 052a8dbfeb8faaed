/**
 * The kinds of resource an agent subscribes to, in the order in which a change is told: what vouches before who is vouched for, who
 * may call before whom to call, whom to call before the routes that send there. Settings come last and are told on every stream: an agent that has them holds all the rest.
 */
export const RESOURCE_KINDS = ["TrustBundle", "InboundPolicy", "Service", "ServiceRoutes", "MeshSettings"] as const;
export type ResourceKind = (typeof RESOURCE_KINDS)[number];

/** Name of the one resource of its kind. */
export const SETTINGS_NAME = "mesh";
/** Name of the policy resource of whoever asks: an agent cannot name another workload's. */
export const OWN_POLICY_NAME = "self";

const PREFIX = "type.googleapis.com/heddle.v1.";

export function typeUrlOf(kind: ResourceKind): string {
  return PREFIX + kind;
}

/** Undefined for a type that is none of ours. */
export function kindOf(typeUrl: string): ResourceKind | undefined {
  return RESOURCE_KINDS.find((kind) => typeUrlOf(kind) === typeUrl);
}
