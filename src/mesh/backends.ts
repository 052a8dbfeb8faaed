/** What the references of routes mean, and why some mean nothing (Gateway API, `BackendRef`; GEP-709 for grants). */
import type { BackendReference, ReferenceGrant, RequestPolicy, Route, ServiceKey } from "#model";
import { serviceKey, splitKey, subsetName, wholeServiceName } from "#model";
import type { References } from "#routing";
import type { MeshService } from "./services.ts";

export interface BackendFault {
  /** Reason of the condition `ResolvedRefs`. */
  readonly reason: "InvalidKind" | "RefNotPermitted" | "BackendNotFound";
  readonly message: string;
}

export interface ReferenceSources {
  readonly services: ReadonlyMap<ServiceKey, MeshService>;
  readonly grants: readonly ReferenceGrant[];
  readonly policies: readonly RequestPolicy[];
}

export class BackendResolver {
  readonly #services: ReadonlyMap<ServiceKey, MeshService>;
  readonly #grants: readonly ReferenceGrant[];
  readonly #policies: ReadonlyMap<string, RequestPolicy>;

  constructor({ services, grants, policies }: ReferenceSources) {
    this.#services = services;
    this.#grants = grants;
    this.#policies = new Map(policies.map((each) => [`${each.metadata.namespace}/${each.metadata.name}`, each]));
  }

  /** What the references of a route at a parent mean. */
  referencesOf(route: Route, parent: ServiceKey): References {
    return {
      backend: (ref) => (this.#faultOf(route, ref, parent) === undefined ? keyOf(ref) : undefined),
      policy: (name) => this.#policies.get(`${route.metadata.namespace}/${name}`),
    };
  }

  /** What is wrong with the references of a route, each fault once. */
  faultsOf(route: Route, parent: ServiceKey | undefined): readonly BackendFault[] {
    const faults = referencesOf(route).flatMap((ref) => this.#faultOf(route, ref, parent) ?? []);
    for (const name of extensionsOf(route)) {
      const key = `${route.metadata.namespace}/${name}`;
      if (!this.#policies.has(key))
        faults.push({ reason: "BackendNotFound", message: `There is no RequestPolicy ${key}.` });
    }
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

function extensionsOf({ spec }: Route): readonly string[] {
  return spec.rules.flatMap((rule) => {
    const filters = "filters" in rule ? rule.filters : [];
    return filters.flatMap((each) => (each.type === "ExtensionRef" ? [each.name] : []));
  });
}

function referencesOf({ spec }: Route): readonly BackendReference[] {
  return spec.rules.flatMap((rule) => {
    const filters = "filters" in rule ? rule.filters : [];
    return [
      ...rule.backendRefs,
      ...filters.flatMap((each) => (each.type === "RequestMirror" ? [each.mirror.backend] : [])),
    ];
  });
}
