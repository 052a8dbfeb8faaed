/** What the references of routes mean, and why some mean nothing (Gateway API, `BackendRef`; GEP-709 for grants). */
import type { BackendReference, ReferenceGrant, Route, ServiceKey } from "#model";
import { serviceKey, splitKey, subsetName, wholeServiceName } from "#model";
import type { MeshService } from "./services.ts";

export interface BackendFault {
  /** Reason of the condition `ResolvedRefs`. */
  readonly reason: "InvalidKind" | "RefNotPermitted" | "BackendNotFound";
  readonly message: string;
}

export class BackendResolver {
  readonly #services: ReadonlyMap<ServiceKey, MeshService>;
  readonly #grants: readonly ReferenceGrant[];

  constructor(services: ReadonlyMap<ServiceKey, MeshService>, grants: readonly ReferenceGrant[]) {
    this.#services = services;
    this.#grants = grants;
  }

  /** The service that a route at a parent means; undefined when the reference is not valid. */
  resolve(route: Route, ref: BackendReference, parent: ServiceKey | undefined): ServiceKey | undefined {
    return this.#faultOf(route, ref, parent) === undefined ? keyOf(ref) : undefined;
  }

  /** What is wrong with the references of a route, each fault once. */
  faultsOf(route: Route, parent: ServiceKey | undefined): readonly BackendFault[] {
    const faults = referencesOf(route).flatMap((ref) => this.#faultOf(route, ref, parent) ?? []);
    return [...new Map(faults.map((fault) => [fault.message, fault])).values()];
  }

  #faultOf(route: Route, ref: BackendReference, parent: ServiceKey | undefined): BackendFault | undefined {
    const { kind, namespace, port } = ref;
    const key = keyOf(ref);
    if (key === undefined)
      return {
        reason: "InvalidKind",
        message: `${kind} ${namespace}/${ref.name} is no Service, and no Subset of one.`,
      };
    // A route may always send on to what it is attached to.
    if (serviceKey(namespace, wholeServiceName(splitKey(key).name)) !== parent && !this.#isPermitted(route, ref))
      return { reason: "RefNotPermitted", message: `No ReferenceGrant in ${namespace} lets the route name ${key}.` };
    const service = this.#services.get(key);
    if (service === undefined) return { reason: "BackendNotFound", message: `There is no service ${key}.` };
    const hasPort =
      port === undefined || service.ports.length === 0 || service.ports.some((each) => each.port === port);
    return hasPort ? undefined : { reason: "BackendNotFound", message: `The service ${key} has no port ${port}.` };
  }

  #isPermitted({ kind, metadata }: Route, { namespace, name }: BackendReference): boolean {
    const [service] = name.split(".");
    if (metadata.namespace === namespace) return true;
    return this.#grants.some(
      (grant) =>
        grant.metadata.namespace === namespace &&
        grant.spec.from.some(
          (from) => from.kind === kind && from.namespace === metadata.namespace && from.group === GROUP,
        ) &&
        grant.spec.to.some((to) => to.kind === "Service" && to.group === "" && (to.name ?? service) === service),
    );
  }
}

/** A service, or a subset of one by the extension `{group: heddle.dev, kind: Subset, name: service.subset}`. */
function keyOf({ group, kind, namespace, name }: BackendReference): ServiceKey | undefined {
  if (kind === "Service" && (group === "" || group === "core")) return serviceKey(namespace, name);
  const [service = "", subset] = name.split(".");
  if (kind !== "Subset" || group !== "heddle.dev" || subset === undefined) return undefined;
  return serviceKey(namespace, subsetName(service, subset));
}

const GROUP = "gateway.networking.k8s.io";

function referencesOf({ spec }: Route): readonly BackendReference[] {
  return spec.rules.flatMap((rule) => {
    const filters = "filters" in rule ? rule.filters : [];
    return [
      ...rule.backendRefs,
      ...filters.flatMap((each) => (each.type === "RequestMirror" ? [each.mirror.backend] : [])),
    ];
  });
}
