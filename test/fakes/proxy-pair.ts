/** Two agents in one process with real sockets, certificates of a test authority between them, and an app behind. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { compileTokenRules, type TokenRule } from "#authentication";
import { importTokenKey, sha256Hex } from "#engine/crypto";
import { systemRandom } from "#engine/random";
import type { ServerCertificate } from "#engine/sockets";
import { systemClock, systemTimers } from "#engine/time";
import { bundleSet, type TlsIdentity } from "#identity";
import type { AppProtocol, MtlsMode, ServiceKey, TrafficPolicy } from "#model";
import {
  compileLimits,
  compilePolicy,
  type LimitSet,
  operationMatch,
  type RuleSet,
  ruleOf,
  ruleSetOf,
  sourceMatch,
} from "#policy";
import {
  type AppOptions,
  type Authorizer,
  type OutboundEndpoint,
  type ProxyLimits,
  type ProxyTables,
  type ServiceTable,
  WorkloadProxy,
} from "#proxy";
import { type ByteRule, type RouteRule, RouteTable } from "#routing";
import { Recorder } from "#telemetry/record";
import { fakeAuthority } from "./mesh-authority.ts";

export const authority = fakeAuthority();
export const stops: (() => unknown)[] = [];

/** Ends all that was started since the last time, the last first. For `afterEach`. */
export async function stopAll(): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop();
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export async function startApp(handler: Handler): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

export function recorderOf(instance: string): Recorder {
  return new Recorder({ instance, clock: systemClock });
}

export interface Settings {
  readonly policies?: readonly RuleSet[];
  /** About whom the workload may call; none: about nobody. */
  readonly egress?: readonly RuleSet[];
  /** How callers of shop/back prove who they are. */
  readonly mtls?: MtlsMode;
  readonly rateLimits?: readonly LimitSet[];
  readonly tokens?: readonly TokenRule[];
  readonly authorizers?: ReadonlyMap<string, Authorizer>;
  readonly endpoints?: readonly OutboundEndpoint[];
  readonly requestTimeoutMs?: number;
  readonly protocol?: AppProtocol;
  /** Further services, by key. */
  readonly services?: Readonly<Record<ServiceKey, readonly OutboundEndpoint[]>>;
  /** Of requests to shop/back. */
  readonly routes?: readonly RouteRule[];
  /** Of shop/back. */
  readonly traffic?: TrafficPolicy;
  readonly byteRoutes?: readonly ByteRule[];
  /** How the app, which speaks TLS then, is known. */
  readonly appTls?: AppOptions["tls"];
  /** What callers outside the mesh are shown in TLS; without it callers are inside, and heard in the clear. */
  readonly edgeCertificate?: () => ServerCertificate;
  /** Of the agent itself: not what `update` changes. */
  readonly limits?: Partial<ProxyLimits>;
}

export function tablesOf({
  policies = [],
  egress = [],
  rateLimits = [],
  tokens = [],
  authorizers = new Map(),
  endpoints = [],
  requestTimeoutMs = 5000,
  protocol = "auto",
  services = {},
  routes,
  byteRoutes: bytes,
  traffic,
  mtls,
}: Settings): ProxyTables {
  return {
    revision: 1,
    settings: { explainDenials: true, traceSampling: 1, connectTimeoutMs: 1000, requestTimeoutMs },
    bundles: bundleSet([authority.bundle]),
    inbound: compilePolicy(policies),
    ...(egress.length > 0 && { egress: compilePolicy(egress) }),
    mtls,
    limits: compileLimits(rateLimits),
    tokens: compileTokenRules(tokens, { importKey: importTokenKey, digest: sha256Hex }),
    authorizers,
    outbound: new Map<ServiceKey, ServiceTable>([
      ["shop/back", { protocol, endpoints, traffic }],
      ...Object.entries(services).map(([key, each]) => [key as ServiceKey, { protocol, endpoints: each }] as const),
    ]),
    routes: new Map([["shop/back", { requests: routes && new RouteTable(routes), bytes }]]),
  };
}

export interface Side {
  readonly proxy: WorkloadProxy;
  /** Puts other settings in force. */
  readonly update: (settings: Settings) => void;
  readonly recorder: Recorder;
  readonly port: number;
}

export function startServerSide(
  appPort: number,
  settings: Settings = {},
  identity: TlsIdentity = authority.identity("shop/back"),
): Side {
  const recorder = recorderOf("back-1");
  const proxy = new WorkloadProxy({
    workload: { namespace: "shop", serviceAccount: "back", instance: "back-1", service: "shop/back", labels: {} },
    inbound: {
      listen: { address: "127.0.0.1", port: 0 },
      app: {
        address: "127.0.0.1",
        port: appPort,
        protocol: settings.protocol ?? "auto",
        ...(settings.appTls && { tls: settings.appTls }),
      },
    },
    outbound: [],
    recorder,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    limits: { handshakeTimeoutMs: 200, handshakesMax: 3, ...settings.limits },
  });
  const started = proxy.start(identity, tablesOf(settings));
  if (!started.ok) throw new Error(started.problems[0].message);
  stops.push(() => proxy.stop());
  return { proxy, recorder, port: started.value.inbound?.port ?? 0, update: (next) => proxy.update(tablesOf(next)) };
}

export function endpointAt(port: number, change: Partial<OutboundEndpoint> = {}): OutboundEndpoint {
  return {
    instance: "back-1",
    namespace: "shop",
    serviceAccount: "back",
    address: "127.0.0.1",
    port,
    spiffeId: authority.identity("shop/back").spiffeId,
    labels: {},
    weight: 1,
    ...change,
  };
}

export function startClientSide(settings: Settings, identity: TlsIdentity = authority.identity("shop/front")): Side {
  const recorder = recorderOf("front-1");
  const proxy = new WorkloadProxy({
    workload: { namespace: "shop", serviceAccount: "front", instance: "front-1", service: "shop/front", labels: {} },
    outbound: [
      {
        service: "shop/back",
        listen: { address: "127.0.0.1", port: 0 },
        isEdge: settings.edgeCertificate !== undefined,
        ...(settings.edgeCertificate && { certificate: settings.edgeCertificate }),
      },
    ],
    recorder,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    ...(settings.limits && { limits: settings.limits }),
  });
  const started = proxy.start(identity, tablesOf(settings));
  if (!started.ok) throw new Error(started.problems[0].message);
  stops.push(() => proxy.stop());
  return {
    proxy,
    recorder,
    port: started.value.outbound.get("shop/back")?.port ?? 0,
    update: (next) => proxy.update(tablesOf(next)),
  };
}

export async function pair(handler: Handler, settings: Settings = {}) {
  const app = await startApp(handler);
  const server = startServerSide(app.port, settings);
  const client = startClientSide({ ...settings, endpoints: [endpointAt(server.port)] });
  return { app, server, client, url: `http://127.0.0.1:${client.port}` };
}

export const echo: Handler = (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(
      JSON.stringify({
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      }),
    );
  });
};

/** Sends bytes as they are and collects the answer until the connection closes or `until` is seen. */
export function raw(port: number, text: string, until?: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString("latin1");
      if (until !== undefined && answer.includes(until)) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(answer));
  });
}

export const allow = (principal: string, methods: string[] = []): RuleSet =>
  ruleSetOf({
    ref: { kind: "AuthorizationPolicy", namespace: "shop", name: "back-callers" },
    action: "ALLOW",
    rules: [ruleOf({ from: [sourceMatch({ principals: [principal] })], to: [operationMatch({ methods })] })],
  });
