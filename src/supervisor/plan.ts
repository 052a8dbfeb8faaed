import { serviceKey } from "#model";
import type { Application, ApplicationGateway, ApplicationService } from "./application.ts";
import { commandWords } from "./command-words.ts";
import { type Preload, preloadEnvironment } from "./preload.ts";
import { APP_ADDRESS, type Outsider, type Placed, type Workload } from "./workloads.ts";

export type Readiness =
  | { readonly kind: "http"; readonly url: string }
  | { readonly kind: "connect"; readonly address: string; readonly port: number }
  | {
      readonly kind: "grpc";
      readonly address: string;
      readonly port: number;
      readonly service: string;
      readonly isTls: boolean;
    };

/** One process to keep running. */
export interface UnitPlan {
  readonly id: string;
  readonly kind: "server" | "agent" | "app";
  readonly command: readonly [string, ...string[]];
  readonly directory: string;
  /** Added to the supervisor's own environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Units that must be ready before this one starts, and end after it. */
  readonly after: readonly string[];
  readonly readiness: Readiness;
  readonly readyWithinMs: number;
  /** Whose join token it is given on standard input; undefined for none. */
  readonly identity: { readonly namespace: string; readonly serviceAccount: string } | undefined;
  /** Written (0600) before each start; undefined for none. */
  readonly file: { readonly path: string; readonly text: string } | undefined;
  /** Gets the pid and the start of each process that is started, so that its agent knows it; absent for none. */
  readonly processFile?: string;
}

export interface PlanOptions {
  readonly application: Application;
  readonly placed: Placed;
  /** The project's folder: services run in it, or in a folder below. */
  readonly directory: string;
  readonly stateDirectory: string;
  /** Words that start Heddle itself. */
  readonly heddle: readonly string[];
  readonly server: { readonly agents: string; readonly api: string; readonly apiUrl: string };
  readonly preload: Preload | undefined;
}

const AGENT_READY_WITHIN_MS = 30_000;
const SERVER_READY_WITHIN_MS = 30_000;
export const SERVER_UNIT = "server";

export function agentUnit(instance: string): string {
  return `${instance}/agent`;
}

function words(command: readonly string[]): readonly [string, ...string[]] {
  const [program = "", ...rest] = command;
  return [program, ...rest];
}

/** `inventory-eu` → `INVENTORY_EU`. */
export function environmentName(service: string): string {
  return service.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_");
}

/** What a program is told of the services it calls, in the two forms that are usual. */
export function callEnvironment(calls: Workload["calls"]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    calls.flatMap(({ service, address, port }) => {
      const name = environmentName(service);
      return [
        [`${name}_URL`, `http://${address}:${port}`],
        [`${name}_SERVICE_HOST`, address],
        [`${name}_SERVICE_PORT`, String(port)],
      ];
    }),
  );
}

export function gatewayUrl({ address, port, tls }: ApplicationGateway): string {
  return `${tls === undefined ? "http" : "https"}://${address}:${port}`;
}

function gatewayEnvironment(application: Application): Readonly<Record<string, string>> {
  const [first] = application.gateways;
  return first === undefined ? {} : { GATEWAY_URL: gatewayUrl(first) };
}

function serverUnit({ application, stateDirectory, heddle, server, directory }: PlanOptions): UnitPlan {
  const data = `${stateDirectory}/server`;
  const options = [
    "--data",
    data,
    "--trust-domain",
    application.trustDomain,
    "--api",
    server.api,
    "--agents",
    server.agents,
  ];
  return {
    id: SERVER_UNIT,
    kind: "server",
    command: words([...heddle, "server", ...options]),
    directory,
    environment: {},
    after: [],
    readiness: { kind: "http", url: `${server.apiUrl}/readyz` },
    readyWithinMs: SERVER_READY_WITHIN_MS,
    identity: undefined,
    file: undefined,
  };
}

/** The agent's bootstrap document; its form is the agent's `AgentBootstrap`. */
export function bootstrapDocument(
  workload: Workload,
  options: Pick<PlanOptions, "application" | "directory" | "server" | "stateDirectory">,
): object {
  const inProject = (path: string): string => (path.startsWith("/") ? path : `${options.directory}/${path}`);
  const { namespace } = options.application;
  const { address, meshPort, adminPort } = workload.place;
  const { service, appPort } = workload;
  const { path, grpc } = service?.readiness ?? {};
  const appTls = service?.tls;
  return {
    server: options.server.agents,
    namespace,
    serviceAccount: workload.name,
    instance: workload.instance,
    ...(workload.mode === "sidecar" ? { service: serviceKey(namespace, workload.name) } : {}),
    labels: workload.labels,
    mode: workload.mode,
    mesh: { address, port: meshPort },
    ...(service?.advertise === undefined ? {} : { advertise: service.advertise }),
    admin: { address, port: adminPort },
    ...(appPort === undefined
      ? {}
      : {
          app: {
            address: APP_ADDRESS,
            port: appPort,
            protocol: service?.protocol ?? "auto",
            ...(path === undefined ? {} : { readinessPath: path }),
            ...(grpc === undefined ? {} : { readinessGrpc: grpc }),
            ...(appTls === undefined ? {} : { tls: { ...appTls, caCertificates: inProject(appTls.caCertificates) } }),
          },
        }),
    outbound: workload.calls.map(({ tls, ...call }) => ({
      ...call,
      service: serviceKey(namespace, call.service),
      ...(tls === undefined
        ? {}
        : { tls: { certificate: inProject(tls.certificate), privateKey: inProject(tls.privateKey) } }),
    })),
    stateDirectory: `${options.stateDirectory}/agents/${workload.instance}`,
    ...(appPort === undefined ? {} : workloadApiOf(options.stateDirectory, workload.instance)),
  };
}

interface WorkloadApiDocument {
  readonly socket: string;
  readonly allow: readonly { readonly processFile: string }[];
}

/** Longest path of a Unix socket that every system takes, bytes. */
const SOCKET_PATH_MAX = 100;

/** Where an app asks for its identity, and by what its agent knows it: the process that the supervisor started, and what descends from that. */
function workloadApiOf(stateDirectory: string, instance: string): { readonly workloadApi?: WorkloadApiDocument } {
  const socket = `${stateDirectory}/agents/${instance}.sock`;
  if (Buffer.byteLength(socket) > SOCKET_PATH_MAX) return {};
  return { workloadApi: { socket, allow: [{ processFile: processFileOf(stateDirectory, instance) }] } };
}

/** SPIFFE Workload Endpoint §4: where an app finds the socket. */
function identityEnvironment(stateDirectory: string, instance: string): Record<string, string> {
  const { workloadApi } = workloadApiOf(stateDirectory, instance);
  return workloadApi === undefined ? {} : { SPIFFE_ENDPOINT_SOCKET: `unix://${workloadApi.socket}` };
}

function processFileOf(stateDirectory: string, instance: string): string {
  return `${stateDirectory}/agents/${instance}.process`;
}

function agentPlan(workload: Workload, options: PlanOptions, after: readonly string[]): UnitPlan {
  const file = `${options.stateDirectory}/agents/${workload.instance}.json`;
  const { address, adminPort } = workload.place;
  return {
    id: agentUnit(workload.instance),
    kind: "agent",
    command: words([...options.heddle, "agent", "--config", file]),
    directory: options.directory,
    environment: {},
    after: [SERVER_UNIT, ...after],
    readiness: { kind: "http", url: `http://${address}:${adminPort}/readyz` },
    readyWithinMs: AGENT_READY_WITHIN_MS,
    identity: { namespace: options.application.namespace, serviceAccount: workload.name },
    file: { path: file, text: `${JSON.stringify(bootstrapDocument(workload, options), undefined, 2)}\n` },
  };
}

/** What of an app's plan is for its place in the mesh. */
type AppSurroundings = Pick<UnitPlan, "after" | "environment" | "processFile">;

function appPlan(app: Outsider, options: PlanOptions, extra: AppSurroundings): UnitPlan {
  const { service, instance, appPort } = app;
  const { withinMs } = service.readiness;
  return {
    id: instance,
    kind: "app",
    command: commandWords(service.command),
    directory: service.directory === "." ? options.directory : `${options.directory}/${service.directory}`,
    environment: {
      HOST: APP_ADDRESS,
      PORT: String(appPort),
      SERVICE: service.name,
      INSTANCE: instance,
      DATA_DIRECTORY: `${options.stateDirectory}/apps/${instance}`,
      ...extra.environment,
      ...service.env,
      ...preloadEnvironment(options.preload, service.env),
    },
    after: extra.after,
    readiness: readinessOf(service, appPort),
    readyWithinMs: withinMs,
    identity: undefined,
    file: undefined,
    ...(extra.processFile === undefined ? {} : { processFile: extra.processFile }),
  };
}

function readinessOf({ readiness: { path, grpc }, tls }: ApplicationService, port: number): Readiness {
  const isTls = tls !== undefined;
  if (path !== undefined) return { kind: "http", url: `${isTls ? "https" : "http"}://${APP_ADDRESS}:${port}${path}` };
  const place = { address: APP_ADDRESS, port };
  return grpc === undefined ? { kind: "connect", ...place } : { kind: "grpc", ...place, service: grpc, isTls };
}

/** Which services are started before which: what a service calls and names in `after`, without the edges that would close a circle. */
export function startOrder(application: Application): ReadonlyMap<string, readonly string[]> {
  const wanted = new Map<string, readonly string[]>([
    ...application.services.map((each): [string, readonly string[]] => [each.name, [...each.calls, ...each.after]]),
    ...application.gateways.map((each): [string, readonly string[]] => [each.name, [each.to]]),
  ]);
  const order = new Map<string, readonly string[]>();
  const visit = (name: string, path: ReadonlySet<string>): void => {
    if (order.has(name)) return;
    const here = new Set([...path, name]);
    const before = [...new Set(wanted.get(name) ?? [])].filter((each) => !here.has(each));
    for (const each of before) visit(each, here);
    order.set(name, before);
  };
  for (const name of wanted.keys()) visit(name, new Set());
  return order;
}

/** Every process of the application: the server, an agent before each workload's program, and the programs in order of their calls. */
export function planUnits(options: PlanOptions): readonly UnitPlan[] {
  const { application, placed } = options;
  const order = startOrder(application);
  const unitsByName = new Map<string, string[]>();
  const add = (name: string, unit: string): void => {
    unitsByName.set(name, [...(unitsByName.get(name) ?? []), unit]);
  };
  for (const each of placed.workloads)
    add(each.name, each.service === undefined ? agentUnit(each.instance) : each.instance);
  for (const each of placed.outsiders) add(each.service.name, each.instance);
  const unitsBefore = (name: string): readonly string[] =>
    (order.get(name) ?? []).flatMap((each) => unitsByName.get(each) ?? []);
  const meshed = placed.workloads.flatMap((workload) => {
    const { service, appPort, instance, calls, name } = workload;
    if (service === undefined || appPort === undefined) return [agentPlan(workload, options, unitsBefore(name))];
    const after = [agentUnit(instance), ...unitsBefore(name)];
    return [
      agentPlan(workload, options, []),
      appPlan({ service, instance, appPort }, options, {
        after,
        environment: { ...callEnvironment(calls), ...identityEnvironment(options.stateDirectory, instance) },
        processFile: processFileOf(options.stateDirectory, instance),
      }),
    ];
  });
  const outside = placed.outsiders.map((each) =>
    appPlan(each, options, { after: unitsBefore(each.service.name), environment: gatewayEnvironment(application) }),
  );
  return [serverUnit(options), ...meshed, ...outside];
}
