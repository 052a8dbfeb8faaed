import { parseSpiffeId, type SpiffeId, type TrustDomain, workloadSpiffeId } from "#identity";
import {
  type DestinationRule,
  hasLabels,
  type Service,
  type ServiceKey,
  type ServicePort,
  serviceKey,
  subsetName,
  type TrafficPolicy,
  type WorkloadEntry,
} from "#model";
import { type Registration, SERVICE_LABEL } from "./registration.ts";

/** One place that serves, and who must answer there. */
export interface Endpoint {
  readonly instance: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly address: string;
  readonly meshPort: number;
  /** Of its app; 0 where that is not known. */
  readonly appPort: number;
  readonly spiffeId: SpiffeId;
  readonly labels: Readonly<Record<string, string>>;
  /** Share of the calls relative to the other endpoints; at least 1. */
  readonly weight: number;
}

/** A service with its endpoints, in order of instance. */
export interface MeshService {
  readonly key: ServiceKey;
  readonly namespace: string;
  readonly name: string;
  readonly ports: readonly ServicePort[];
  readonly endpoints: readonly Endpoint[];
  /** Undefined: as the agents do by themselves. */
  readonly traffic: TrafficPolicy | undefined;
}

export interface ServiceSources {
  readonly trustDomain: TrustDomain;
  readonly services: readonly Service[];
  readonly entries: readonly WorkloadEntry[];
  /** The oldest first. */
  readonly rules: readonly DestinationRule[];
  readonly registrations: ReadonlyMap<string, Registration>;
}

/** Port of an agent's inbound listener where a `WorkloadEntry` names none under `mesh`. */
const MESH_PORT = 15_008;

/** Annotation of a `Service`: further service accounts whose workloads may serve it, separated by commas. */
const SERVICE_ACCOUNTS_ANNOTATION = "heddle.dev/service-accounts";

/** Annotation of a `WorkloadEntry`: the whole SPIFFE ID of a workload of another trust domain. */
const SPIFFE_ID_ANNOTATION = "heddle.dev/spiffe-id";

interface Candidate {
  readonly endpoint: Endpoint;
  /** It announced itself; its labels are its own claim, and only its service account has been proved. */
  readonly isAnnounced: boolean;
  readonly ready: boolean;
}

/**
 * Every service with its ready endpoints. A workload serves a service of its own namespace whose selector its labels meet, or that
 * its label `heddle.dev/service` names; a name that no `Service` bears becomes a service of the workloads that name it. A workload
 * that announced itself must moreover bear the service's name as its service account, or one that the `Service` lists: labels are
 * what a workload says of itself, and saying must not be enough to be given another's traffic.
 * A subset of a service is a service too, by the name that `subsetName` gives it. What is equal to its predecessor in `previous` is that very object.
 */
export function resolveServices(
  sources: ServiceSources,
  previous: ReadonlyMap<ServiceKey, MeshService>,
): ReadonlyMap<ServiceKey, MeshService> {
  const byNamespace = Map.groupBy(candidatesOf(sources), ({ endpoint }) => endpoint.namespace);
  const resolved = new Map<ServiceKey, MeshService>();
  const rules = Map.groupBy(sources.rules, ({ metadata, spec }) => serviceKey(metadata.namespace, spec.service));
  const add = (service: MeshService): void => {
    for (const each of ruled(service, rules.get(service.key) ?? [])) put(resolved, previous, each);
  };
  for (const service of sources.services) {
    const { namespace, name } = service.metadata;
    const serving = (byNamespace.get(namespace) ?? []).filter((candidate) => serves(candidate, service));
    add(serviceOf({ namespace, name, ports: service.spec.ports }, serving));
  }
  for (const implied of impliedServices(byNamespace)) if (!resolved.has(implied.key)) add(implied);
  return sameEntries(resolved, previous) ? previous : resolved;
}

/** A service and its subsets as the rules for it say. Of several rules the first with a policy has its way; subsets add up. */
function ruled(service: MeshService, rules: readonly DestinationRule[]): readonly MeshService[] {
  const traffic = rules.find(({ spec }) => spec.trafficPolicy !== undefined)?.spec.trafficPolicy;
  const subsets = rules
    .flatMap(({ spec }) => spec.subsets)
    .map((subset) => {
      const name = subsetName(service.name, subset.name);
      const endpoints = service.endpoints.filter(({ labels }) => hasLabels(labels, subset.labels));
      const key = serviceKey(service.namespace, name);
      return { ...service, key, name, endpoints, traffic: subset.trafficPolicy ?? traffic };
    });
  return [{ ...service, traffic }, ...subsets];
}

/** Services that no `Service` bears, by the name under which workloads declare themselves. */
function* impliedServices(byNamespace: ReadonlyMap<string, readonly Candidate[]>): Generator<MeshService> {
  for (const [namespace, candidates] of byNamespace) {
    for (const [name, declaring] of Map.groupBy(candidates, ({ endpoint }) => endpoint.labels[SERVICE_LABEL] ?? "")) {
      const serving = name === "" ? [] : declaring.filter((candidate) => mayServe(candidate, name, []));
      if (serving.length > 0) yield serviceOf({ namespace, name, ports: impliedPorts(serving) }, serving);
    }
  }
}

function candidatesOf({ trustDomain, entries, registrations }: ServiceSources): readonly Candidate[] {
  const announced = [...registrations.values()].map((each) => ({
    endpoint: announcedEndpoint(each),
    isAnnounced: true,
    ready: each.ready,
  }));
  // An announced workload knows better than the entry written about it.
  const written = entries
    .filter(({ metadata }) => !registrations.has(`${metadata.namespace}/${metadata.name}`))
    .map((entry) => ({
      endpoint: writtenEndpoint(entry, trustDomain),
      isAnnounced: false,
      ready: true,
    }));
  return [...announced, ...written];
}

function announcedEndpoint(registration: Registration): Endpoint {
  const { instance, namespace, serviceAccount, address, meshPort, appPort, spiffeId, labels } = registration;
  return { instance, namespace, serviceAccount, address, meshPort, appPort, spiffeId, labels, weight: 1 };
}

function writtenEndpoint({ metadata, spec }: WorkloadEntry, trustDomain: TrustDomain): Endpoint {
  const { namespace, name } = metadata;
  const serviceAccount = spec.serviceAccount === "" ? "default" : spec.serviceAccount;
  const foreign = parseSpiffeId(metadata.annotations[SPIFFE_ID_ANNOTATION] ?? "");
  return {
    instance: name,
    namespace,
    serviceAccount,
    address: spec.address,
    meshPort: spec.ports["mesh"] ?? MESH_PORT,
    appPort: onlyPort(spec.ports),
    spiffeId: foreign.ok ? foreign.value : workloadSpiffeId(trustDomain, namespace, serviceAccount),
    labels: spec.labels,
    weight: Math.max(1, spec.weight),
  };
}

/** An agent serves one app: several ports of it say nothing of which that is. */
function onlyPort({ mesh: _, ...ports }: WorkloadEntry["spec"]["ports"]): number {
  const [port = 0, ...others] = Object.values(ports);
  return others.length === 0 ? port : 0;
}

function mayServe({ endpoint, isAnnounced }: Candidate, service: string, others: readonly string[]): boolean {
  return !isAnnounced || endpoint.serviceAccount === service || others.includes(endpoint.serviceAccount);
}

function serves(candidate: Candidate, { metadata, spec }: Service): boolean {
  const { labels } = candidate.endpoint;
  const listed = metadata.annotations[SERVICE_ACCOUNTS_ANNOTATION] ?? "";
  const others = listed.split(",").map((account) => account.trim());
  if (!mayServe(candidate, metadata.name, others)) return false;
  const declared = labels[SERVICE_LABEL];
  if (declared !== undefined) return declared === metadata.name;
  return Object.keys(spec.selector).length > 0 && hasLabels(labels, spec.selector);
}

function impliedPorts(serving: readonly Candidate[]): readonly ServicePort[] {
  const port = serving.find(({ endpoint, isAnnounced }) => isAnnounced && endpoint.appPort > 0)?.endpoint.appPort ?? 0;
  return port === 0 ? [] : [{ name: "app", port, targetPort: port, appProtocol: "" }];
}

function serviceOf(
  { namespace, name, ports }: Pick<MeshService, "namespace" | "name" | "ports">,
  serving: readonly Candidate[],
): MeshService {
  const endpoints = serving.filter(({ ready }) => ready).map(({ endpoint }) => endpoint);
  endpoints.sort((a, b) => (a.instance < b.instance ? -1 : 1));
  return { key: serviceKey(namespace, name), namespace, name, ports, endpoints, traffic: undefined };
}

function put(
  into: Map<ServiceKey, MeshService>,
  previous: ReadonlyMap<ServiceKey, MeshService>,
  service: MeshService,
): void {
  const held = previous.get(service.key);
  into.set(service.key, held !== undefined && canonical(held) === canonical(service) ? held : service);
}

/** Equal services have equal texts: labels and fields are written in one order. */
function canonical({ key, ports, endpoints, traffic }: MeshService): string {
  const words = endpoints.map((each) => [
    each.instance,
    each.serviceAccount,
    each.address,
    each.meshPort,
    each.appPort,
    each.spiffeId.uri,
    each.weight,
    Object.entries(each.labels).sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);
  const doors = ports.map((each) => [each.name, each.port, each.targetPort, each.appProtocol]);
  return JSON.stringify([key, doors, words, traffic]);
}

function sameEntries<K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
