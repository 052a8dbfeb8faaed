/** One process of Heddle's pair. Its only argument is a file with its settings; prints the port on which it listens. */
import { readFileSync } from "node:fs";
import { systemRandom } from "#engine/random";
import { systemClock, systemTimers } from "#engine/time";
import { type Bundle, bundleSet, type SpiffeId, type TlsIdentity } from "#identity";
import { type AuthorizationPolicy, valueOrThrow } from "#model";
import { compilePolicy, lowerAuthorizationPolicy } from "#policy";
import { type OutboundEndpoint, type ProxyTables, WorkloadProxy } from "#proxy";
import { encodeBatch } from "#telemetry/batch";
import { Recorder } from "#telemetry/record";
import type { Carried } from "../report.ts";
import { GRPC_SERVICE } from "./app.ts";

export interface SideSettings {
  readonly identity: TlsIdentity;
  readonly carries: Carried;
  /** With the authorities in base64. */
  readonly bundle: Omit<Bundle, "authorities"> & { readonly authorities: readonly string[] };
  /** Only at the server's side. */
  readonly appPort?: number;
  /** Only at the client's side: whom it calls. */
  readonly peer?: { readonly port: number; readonly spiffeId: SpiffeId };
}

const LOOPBACK = { address: "127.0.0.1", port: 0 };

const RULES = 20;
const PRINCIPAL = "bench.example/ns/shop/sa/front";

/** Twenty rules about who may do what where; only the last allows what the benchmark asks, so that none can be left out. */
function policy(carries: Carried): AuthorizationPolicy {
  const from = [{ principals: [PRINCIPAL], notPrincipals: [], namespaces: [], notNamespaces: [] }];
  const none = { notMethods: [], notPaths: [], ports: [], notPorts: [], hosts: [], notHosts: [] };
  const others = Array.from({ length: RULES - 1 }, (_, index) => ({
    from,
    to: [{ ...none, methods: ["POST", "PUT"], paths: [`/orders/${index}/*`, `/orders/${index}`] }],
  }));
  const asked = { ...none, methods: ["GET", "POST"], paths: ["/bytes/*", `${GRPC_SERVICE}/*`] };
  return {
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { namespace: "shop", name: "back-callers", labels: {}, annotations: {} },
    spec: {
      selector: undefined,
      action: "ALLOW",
      rules: [...others, { from, to: carries === "tcp" ? [] : [asked] }],
    },
  };
}

function endpointOf({ port, spiffeId }: NonNullable<SideSettings["peer"]>): OutboundEndpoint {
  return {
    instance: "back-1",
    namespace: "shop",
    serviceAccount: "back",
    address: "127.0.0.1",
    port,
    spiffeId,
    labels: {},
    weight: 1,
  };
}

function tablesOf({ bundle, carries, peer }: SideSettings): ProxyTables {
  const authorities = bundle.authorities.map((text) => new Uint8Array(Buffer.from(text, "base64")));
  return {
    revision: 1,
    settings: { explainDenials: true, traceSampling: 0.01, connectTimeoutMs: 1000, requestTimeoutMs: 15_000 },
    bundles: bundleSet([{ ...bundle, authorities }]),
    inbound: compilePolicy([lowerAuthorizationPolicy(policy(carries))]),
    outbound: new Map([["shop/back", { protocol: carries, endpoints: peer === undefined ? [] : [endpointOf(peer)] }]]),
    routes: new Map(),
  };
}

function start(settings: SideSettings): number {
  const { identity, appPort } = settings;
  const account = settings.peer === undefined ? "back" : "front";
  const recorder = new Recorder({ instance: `${account}-1`, clock: systemClock });
  const app = { address: "127.0.0.1", port: appPort ?? 0, protocol: settings.carries };
  const proxy = new WorkloadProxy({
    workload: {
      namespace: "shop",
      serviceAccount: account,
      instance: `${account}-1`,
      service: `shop/${account}`,
      labels: {},
    },
    ...(appPort === undefined ? {} : { inbound: { listen: LOOPBACK, app } }),
    outbound: settings.peer === undefined ? [] : [{ service: "shop/back", listen: LOOPBACK, isEdge: false }],
    recorder,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
  });
  // As an agent does; only that the server, to which it would go, is no part of this.
  systemTimers.every(1000, () => {
    const batch = recorder.takeBatch(systemClock.nowMs());
    if (batch !== undefined) encodeBatch(batch);
  });
  const bound = valueOrThrow(proxy.start(identity, tablesOf(settings)));
  return (bound.inbound ?? bound.outbound.get("shop/back"))?.port ?? 0;
}

console.log(start(JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"))));
