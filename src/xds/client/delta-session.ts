import { create } from "@bufbuild/protobuf";
import type { ServiceKey } from "#model";
import { type DeltaDiscoveryRequest, DeltaDiscoveryRequestSchema } from "#proto";
import {
  type HeldResources,
  neededServices,
  OWN_POLICY_NAME,
  RESOURCE_KINDS,
  type ResourceKind,
  SETTINGS_NAME,
  typeUrlOf,
} from "#xds";

/** Who asks: the instance, and the labels by which policies select its workload. */
export interface AgentNode {
  readonly instance: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of its app, by which port-level settings are chosen; undefined without an app. */
  readonly appPort?: number | undefined;
}

/** The requests that open a stream: one a kind, with the versions already held, so that only what changed is sent. */
export function openingRequests(
  node: AgentNode,
  called: readonly ServiceKey[],
  held: HeldResources,
): readonly DeltaDiscoveryRequest[] {
  const names: Readonly<Record<ResourceKind, readonly string[]>> = {
    MeshSettings: [SETTINGS_NAME],
    TrustBundle: ["*"],
    Service: [...neededServices(held, called)],
    ServiceRoutes: called,
    InboundPolicy: [OWN_POLICY_NAME],
  };
  return RESOURCE_KINDS.filter((kind) => names[kind].length > 0).map((kind) =>
    create(DeltaDiscoveryRequestSchema, {
      node: { id: node.instance, metadata: metadataOf(node) },
      typeUrl: typeUrlOf(kind),
      resourceNamesSubscribe: [...names[kind]],
      initialResourceVersions: versionsOf(held, kind),
    }),
  );
}

function metadataOf({ labels, appPort }: AgentNode) {
  return { labels: { ...labels }, ...(appPort === undefined ? {} : { appPort }) };
}

function versionsOf(held: HeldResources, kind: ResourceKind): Record<string, string> {
  const versions: Record<string, string> = {};
  // Asked for anew, the settings tell that the server is there and that all the rest is what it should be.
  if (kind === "MeshSettings") return versions;
  for (const [name, each] of held[kind]) if (each.state === "present") versions[name] = each.version;
  return versions;
}

/** Accepts a response, or refuses it with the reason. */
export function answerTo(response: { readonly typeUrl: string; readonly nonce: string }, refusal?: string) {
  return create(DeltaDiscoveryRequestSchema, {
    typeUrl: response.typeUrl,
    responseNonce: response.nonce,
    ...(refusal === undefined ? {} : { errorDetail: { code: 3, message: refusal } }),
  });
}

/** What a change of routes changes in the services that are asked for; undefined when nothing. */
export function resubscription(
  before: ReadonlySet<ServiceKey>,
  after: ReadonlySet<ServiceKey>,
): DeltaDiscoveryRequest | undefined {
  const added = after.difference(before);
  const dropped = before.difference(after);
  if (added.size + dropped.size === 0) return undefined;
  return create(DeltaDiscoveryRequestSchema, {
    typeUrl: typeUrlOf("Service"),
    resourceNamesSubscribe: [...added],
    resourceNamesUnsubscribe: [...dropped],
  });
}
