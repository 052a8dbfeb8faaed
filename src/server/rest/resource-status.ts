/** What the mesh says of a resource that was applied, in the form of the kind's own status. */
import { issuersWithoutKeys, type MeshSnapshot, routeName } from "#mesh";
import type { RequestAuthentication, Resource, Route } from "#model";

const CONTROLLER = "heddle.dev/mesh";

function isRoute(resource: Resource): resource is Route {
  return ["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute"].includes(resource.kind);
}

/** Empty for kinds without a status, and until the mesh has taken the resource in. */
export function statusOf(snapshot: MeshSnapshot, resource: Resource): { readonly status?: object } {
  if (resource.kind === "RequestAuthentication") return { status: keysStatus(snapshot, resource) };
  const { routes } = snapshot;
  const parents = isRoute(resource) ? routes.statuses.get(routeName(resource)) : undefined;
  if (parents === undefined) return {};
  const observedGeneration = resource.metadata.generation;
  return {
    status: {
      parents: parents.map(({ parentRef, conditions }) => ({
        parentRef,
        controllerName: CONTROLLER,
        conditions: conditions.map((each) => ({ ...each, observedGeneration })),
      })),
    },
  };
}

/** Whether the server has the keys of all issuers; the message names those whose tokens nobody takes. */
function keysStatus({ tokens }: MeshSnapshot, policy: RequestAuthentication): object {
  const missing = issuersWithoutKeys(tokens, policy);
  const { generation: observedGeneration } = policy.metadata;
  const said =
    missing.length === 0
      ? { status: "True", reason: "Known", message: "" }
      : { status: "False", reason: "NotFetched", message: `No token of ${missing.join(", ")} is taken yet.` };
  return { conditions: [{ type: "KeysKnown", ...said, observedGeneration }] };
}
