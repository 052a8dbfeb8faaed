import type { Application, ApplicationGateway, ApplicationService } from "./application.ts";
import type { Layout, Place } from "./layout.ts";

/** One listener that a workload calls a service through. */
export interface Call {
  readonly service: string;
  readonly address: string;
  readonly port: number;
  /** What callers are shown; undefined hears them in the clear. */
  readonly tls?: ApplicationGateway["tls"];
}

/** One replica of a service, or a gateway, with its place in the mesh. */
export interface Workload {
  readonly instance: string;
  /** Service account: the name of its service or gateway. */
  readonly name: string;
  readonly mode: "sidecar" | "gateway";
  readonly labels: Readonly<Record<string, string>>;
  readonly place: Place;
  /** The app's port on 127.0.0.1; undefined for a gateway. */
  readonly appPort: number | undefined;
  readonly calls: readonly Call[];
  /** Undefined for a gateway. */
  readonly service: ApplicationService | undefined;
}

/** A program that runs as it is, outside the mesh. */
export interface Outsider {
  readonly instance: string;
  readonly service: ApplicationService;
  readonly appPort: number;
}

export interface Placed {
  readonly workloads: readonly Workload[];
  readonly outsiders: readonly Outsider[];
}

export const APP_ADDRESS = "127.0.0.1";
/** Names the service that a workload serves, where no `Service` resource says so. */
const SERVICE_LABEL = "heddle.dev/service";
const VERSION_LABEL = "app.kubernetes.io/version";

interface Replica {
  readonly instance: string;
  /** The service as this replica's version has it. */
  readonly service: ApplicationService;
}

function replicasOf(service: ApplicationService): readonly Replica[] {
  if (service.versions.length === 0) return numbered(service.name, service.replicas, service);
  return service.versions.flatMap(({ name, replicas, command = service.command, env }) =>
    numbered(`${service.name}-${name}`, replicas, {
      ...service,
      command,
      env: { ...service.env, VERSION: name, ...env },
    }),
  );
}

function numbered(name: string, count: number, service: ApplicationService): readonly Replica[] {
  if (count === 1) return [{ instance: name, service }];
  return Array.from({ length: count }, (_, index) => ({ instance: `${name}-${index + 1}`, service }));
}

function labelsOf(name: string, role: string, env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const version = env["VERSION"];
  return {
    app: name,
    ...(role === "gateway" ? {} : { [SERVICE_LABEL]: name }),
    ...(role === "service" ? {} : { "heddle.dev/role": role }),
    ...(version === undefined ? {} : { [VERSION_LABEL]: version }),
  };
}

function sidecar(service: ApplicationService, instance: string, place: Place): Omit<Workload, "appPort"> {
  return {
    instance,
    name: service.name,
    mode: "sidecar",
    labels: labelsOf(service.name, service.role, service.env),
    place,
    calls: service.calls.map((callee, index) => ({
      service: callee,
      address: place.address,
      port: place.outboundPort(index),
    })),
    service,
  };
}

/** Gives every replica and gateway its addresses. `appPorts` are free ports, one for each app in order. */
export function placeWorkloads(application: Application, layout: Layout, appPorts: readonly number[]): Placed {
  const workloads: Workload[] = [];
  const outsiders: Outsider[] = [];
  let apps = 0;
  for (const { instance, service } of application.services.flatMap(replicasOf)) {
    const appPort = service.port ?? appPorts[apps] ?? 0;
    apps += 1;
    if (service.mesh) workloads.push({ ...sidecar(service, instance, layout(workloads.length)), appPort });
    else outsiders.push({ instance, service, appPort });
  }
  for (const gateway of application.gateways) {
    workloads.push({
      instance: gateway.name,
      name: gateway.name,
      mode: "gateway",
      labels: labelsOf(gateway.name, "gateway", {}),
      place: layout(workloads.length),
      appPort: undefined,
      calls: [{ service: gateway.to, address: gateway.address, port: gateway.port, tls: gateway.tls }],
      service: undefined,
    });
  }
  return { workloads, outsiders };
}

/** How many apps need a port. */
export function appCount(application: Application): number {
  return application.services.flatMap(replicasOf).length;
}

/** Every address and port that agents will listen on. */
export function listenersOf(placed: Placed): readonly { readonly address: string; readonly port: number }[] {
  return placed.workloads.flatMap(({ place, calls }) => [
    { address: place.address, port: place.meshPort },
    { address: place.address, port: place.adminPort },
    ...calls.map(({ address, port }) => ({ address, port })),
  ]);
}
