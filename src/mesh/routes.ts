/** Routes attached to services: which are in force for whom, and what each is told about itself. */
import type { ParentReference, Route, ServiceKey } from "#model";
import { serviceKey } from "#model";
import {
  type ByteRule,
  lowerByteRoute,
  lowerGrpcRoute,
  lowerHttpRoute,
  type RouteRule,
  type ServiceRoutes,
} from "#routing";
import { byAge } from "./age.ts";
import { type BackendFault, BackendResolver, type ReferenceSources } from "./backends.ts";
import type { MeshService } from "./services.ts";

/** As Kubernetes writes it (`metav1.Condition`), but for the time: a snapshot knows none. */
export interface RouteCondition {
  readonly type: "Accepted" | "ResolvedRefs";
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
}

/** What a route is told about one of its parents (Gateway API, `RouteParentStatus`). */
export interface RouteParentStatus {
  readonly parentRef: ParentReference;
  readonly conditions: readonly RouteCondition[];
}

/** The routes of one service: those of its own namespace hold for all callers, but for those of namespaces that have their own. */
export interface AttachedRoutes {
  readonly producer: ServiceRoutes | undefined;
  /** By the callers' namespace. */
  readonly consumers: ReadonlyMap<string, ServiceRoutes>;
}

export interface MeshRoutes {
  readonly attached: ReadonlyMap<ServiceKey, AttachedRoutes>;
  /** By `Kind/namespace/name`. */
  readonly statuses: ReadonlyMap<string, readonly RouteParentStatus[]>;
}

export interface RouteSources extends ReferenceSources {
  readonly routes: readonly Route[];
}

export const NO_ROUTES: MeshRoutes = { attached: new Map(), statuses: new Map() };

/** Where two kinds meet at a service, the first here holds (GEP-1426). */
const PRECEDENCE: readonly Route["kind"][] = ["GRPCRoute", "HTTPRoute", "TLSRoute", "TCPRoute"];

/** A route at one of its parents. */
interface Attachment {
  readonly route: Route;
  readonly parentRef: ParentReference;
  readonly service: MeshService;
}

export function routeName({ kind, metadata }: Pick<Route, "kind" | "metadata">): string {
  return `${kind}/${metadata.namespace}/${metadata.name}`;
}

export function resolveRoutes({ routes, ...sources }: RouteSources): MeshRoutes {
  if (routes.length === 0) return NO_ROUTES;
  const { services } = sources;
  const resolver = new BackendResolver(sources);
  const ordered = routes.toSorted(byAge);
  const found = ordered.flatMap((route) =>
    route.spec.parentRefs.flatMap((ref) => attachmentOf(route, ref, services) ?? []),
  );
  const inForce = new Map<ServiceKey, AttachedRoutes>();
  const losers = new Set<Attachment>();
  for (const [key, attachments] of Map.groupBy(found, ({ service }) => service.key)) {
    const scopes = Map.groupBy(attachments, ({ route }) => route.metadata.namespace);
    for (const scope of scopes.values()) for (const loser of conflicting(scope)) losers.add(loser);
    const winners = attachments.filter((each) => !losers.has(each));
    inForce.set(key, attachedOf(winners, resolver));
  }
  const statuses = ordered.map((route) => {
    const parents = route.spec.parentRefs.map((parentRef) => {
      const attachment = found.find((each) => each.route === route && each.parentRef === parentRef);
      const accepted = acceptance(parentRef, attachment, attachment !== undefined && losers.has(attachment));
      return { parentRef, conditions: [accepted, resolution(resolver.faultsOf(route, attachment?.service.key))] };
    });
    return [routeName(route), parents] as const;
  });
  return { attached: inForce, statuses: new Map(statuses) };
}

/** The routes that hold for the callers of one namespace; undefined: the service's own routing. */
export function routesFor({ attached }: MeshRoutes, service: ServiceKey, callers: string): ServiceRoutes | undefined {
  const routes = attached.get(service);
  return routes?.consumers.get(callers) ?? routes?.producer;
}

function isServiceRef({ group, kind }: Pick<ParentReference, "group" | "kind">): boolean {
  return kind === "Service" && (group === "" || group === "core");
}

function attachmentOf(
  route: Route,
  parentRef: ParentReference,
  services: ReadonlyMap<ServiceKey, MeshService>,
): Attachment | undefined {
  const service = isServiceRef(parentRef) ? services.get(serviceKey(parentRef.namespace, parentRef.name)) : undefined;
  if (service === undefined) return undefined;
  const hasPort = parentRef.port === undefined || service.ports.some(({ port }) => port === parentRef.port);
  return hasPort ? { route, parentRef, service } : undefined;
}

/** Those whose kind gives way to another at the same port. */
function conflicting(attachments: readonly Attachment[]): readonly Attachment[] {
  return attachments.filter((each) =>
    attachments.some((other) => {
      const isStronger = PRECEDENCE.indexOf(other.route.kind) < PRECEDENCE.indexOf(each.route.kind);
      return isStronger && portsMeet(each.parentRef.port, other.parentRef.port);
    }),
  );
}

function portsMeet(a: number | undefined, b: number | undefined): boolean {
  return a === undefined || b === undefined || a === b;
}

function attachedOf(attachments: readonly Attachment[], resolver: BackendResolver): AttachedRoutes {
  const served = attachments.filter(
    ({ parentRef, service }) => parentRef.port === undefined || parentRef.port === service.ports[0]?.port,
  );
  const scopes = Map.groupBy(served, ({ route }) => route.metadata.namespace);
  const consumers = new Map<string, ServiceRoutes>();
  let producer: ServiceRoutes | undefined;
  for (const [namespace, scope] of scopes) {
    const routes = lowered(scope, resolver);
    if (namespace === scope[0]?.service.namespace) producer = routes;
    else consumers.set(namespace, routes);
  }
  return { producer, consumers };
}

function lowered(attachments: readonly Attachment[], resolver: BackendResolver): ServiceRoutes {
  const requests: RouteRule[] = [];
  const bytes: ByteRule[] = [];
  for (const { route, service } of attachments) {
    const resolve = resolver.referencesOf(route, service.key);
    if (route.kind === "HTTPRoute") requests.push(...lowerHttpRoute(route, resolve));
    else if (route.kind === "GRPCRoute") requests.push(...lowerGrpcRoute(route, resolve));
    else bytes.push(...lowerByteRoute(route, resolve));
  }
  return {
    requests: requests.length === 0 ? undefined : requests,
    bytes: bytes.length === 0 ? undefined : bytes,
  };
}

function acceptance(parentRef: ParentReference, attachment: Attachment | undefined, hasLost: boolean): RouteCondition {
  if (hasLost)
    return refused("Conflicted", `A route of a kind that goes before it (${PRECEDENCE.join(", ")}) is attached there.`);
  if (attachment !== undefined)
    return { type: "Accepted", status: "True", reason: "Accepted", message: "The route is in force." };
  const { kind, namespace, name, port } = parentRef;
  if (!isServiceRef(parentRef))
    return refused("NoMatchingParent", `A ${kind} is no parent in the mesh: name a Service, with \`group: ""\`.`);
  const where = port === undefined ? "" : ` with the port ${port}`;
  return refused("NoMatchingParent", `There is no service ${namespace}/${name}${where}.`);
}

function refused(reason: string, message: string): RouteCondition {
  return { type: "Accepted", status: "False", reason, message };
}

function resolution(faults: readonly BackendFault[]): RouteCondition {
  const [first] = faults;
  if (first === undefined)
    return { type: "ResolvedRefs", status: "True", reason: "ResolvedRefs", message: "Every backend was found." };
  return {
    type: "ResolvedRefs",
    status: "False",
    reason: first.reason,
    message: faults.map((each) => each.message).join(" "),
  };
}
