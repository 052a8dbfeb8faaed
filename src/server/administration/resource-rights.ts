import { type AdminVerb, type Kind, PARENT_LABEL, type Resource, type ResourceRef } from "#model";
import { WHOLE_MESH } from "./rights.ts";

/** What somebody must hold, and where. */
export interface Need {
  readonly verb: AdminVerb;
  readonly namespace: string;
}

/** What changing a resource of the kind is. */
const VERB_OF: Readonly<Record<Kind, AdminVerb>> = {
  Mesh: "administer",
  Namespace: "administer",
  ServiceAccount: "administer",
  Federation: "administer",
  NodeAttestation: "administer",
  AdminRole: "administer",
  AuthorizationPolicy: "secure",
  AuthorizationProvider: "secure",
  RequestAuthentication: "secure",
  PeerAuthentication: "secure",
  AccessPolicy: "secure",
  NetworkPolicy: "secure",
  Service: "operate",
  WorkloadEntry: "operate",
  HTTPRoute: "operate",
  GRPCRoute: "operate",
  TCPRoute: "operate",
  TLSRoute: "operate",
  ReferenceGrant: "operate",
  DestinationRule: "operate",
  RequestPolicy: "operate",
  RateLimitPolicy: "operate",
};

/** A Namespace is seen by those who may see what is in it. */
export function viewPlaceOf({ kind, namespace, name }: ResourceRef): string {
  return kind === "Namespace" ? name : namespace;
}

/**
 * What a change needs. A Namespace carries what its parents demand of it (where it hangs, its posture, its labels), so that changing it is a
 * matter of those above: of its parent before and of its parent afterwards, and of the whole mesh where it has none.
 */
export function needsOf(
  ref: ResourceRef,
  { before, after }: { readonly before: Resource | undefined; readonly after: Resource | undefined },
): readonly Need[] {
  const verb = VERB_OF[ref.kind];
  if (ref.kind !== "Namespace") return [{ verb, namespace: ref.namespace }];
  // A namespace without an object of its own hangs at the top: taking it in is up to who holds the mesh.
  const parents = [before, ...(after === undefined ? [] : [after])].map(
    (each) => each?.metadata.labels[PARENT_LABEL] ?? WHOLE_MESH,
  );
  return [...new Set(parents)].map((namespace) => ({ verb, namespace }));
}
