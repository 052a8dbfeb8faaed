/** What the mesh says of a resource that was applied, in the form of the kind's own status. */
import { type MeshSnapshot, routeName } from "#mesh";
import type { Resource, Route } from "#model";

const CONTROLLER = "heddle.dev/mesh";

function isRoute(resource: Resource): resource is Route {
  return ["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute"].includes(resource.kind);
}

/** Empty for kinds without a status, and until the mesh has taken the resource in. */
export function statusOf({ routes }: MeshSnapshot, resource: Resource): { readonly status?: object } {
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
