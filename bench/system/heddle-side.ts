/** One process of Heddle's pair. Its only argument is a file with its settings; prints the port on which it listens. */
import { readFileSync } from "node:fs";
import { systemRandom } from "#engine/random";
import { systemClock, systemTimers } from "#engine/time";
import { type Bundle, bundleSet, type SpiffeId, type TlsIdentity } from "#identity";
import { type AuthorizationPolicy, type ServiceKey, valueOrThrow } from "#model";
import { compilePolicy, lowerAuthorizationPolicy, operationMatch, sourceMatch } from "#policy";
import { type OutboundEndpoint, type ProxyTables, WorkloadProxy } from "#proxy";
import { RouteTable } from "#routing";
import { encodeBatch } from "#telemetry/batch";
import { Recorder } from "#telemetry/record";
import { backendRule, routeMatch, routeRule } from "../../test/fakes/route-rules.ts";
import type { Carried } from "../report.ts";
import { GRPC_SERVICE } from "./app.ts";
import { otherPath, type Size } from "./peer.ts";

export interface SideSettings {
  readonly identity: TlsIdentity;
  readonly carries: Carried;
  readonly size: Size;
  /** With the authorities in base64. */
  readonly bundle: Omit<Bundle, "authorities"> & { readonly authorities: readonly string[] };
  /** Only at the server's side. */
  readonly appPort?: number;
  /** Only at the client's side: whom it calls. */
  readonly peer?: { readonly port: number; readonly spiffeId: SpiffeId };
}

const SERVICE: ServiceKey = "shop/back";
const LOOPBACK = { address: "127.0.0.1", port: 0 };

const RULES = 20;
const PRINCIPAL = "bench.example/ns/shop/sa/front";

/** Twenty rules about who may do what where; only the last allows what the benchmark asks, so that none can be left out. */
function policy(carries: Carried): AuthorizationPolicy {
  const from = [sourceMatch({ principals: [PRINCIPAL] })];
  const others = Array.from({ length: RULES - 1 }, (_, index) => ({
    from,
    to: [operationMatch({ methods: ["POST", "PUT"], paths: [`/orders/${index}/*`, `/orders/${index}`] })],
    when: [],
  }));
  const asked = operationMatch({ methods: ["GET", "POST"], paths: ["/bytes/*", `${GRPC_SERVICE}/*`] });
  return {
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { namespace: "shop", name: "back-callers", labels: {}, annotations: {} },
    spec: {
      selector: undefined,
      action: "ALLOW",
      rules: [...others, { from, to: carries === "tcp" ? [] : [asked], when: [] }],
    },
  };
}

function endpointOf({ port, spiffeId }: NonNullable<SideSettings["peer"]>, index: number): OutboundEndpoint {
  return {
    instance: `back-${index + 1}`,
    namespace: "shop",
    serviceAccount: "back",
    address: "127.0.0.1",
    port,
    spiffeId,
    labels: {},
    weight: 1,
  };
}

/** Rules by path; the last sends what is asked to the service, as it would go without any. */
function routesOf(count: number): RouteTable {
  const rules = Array.from({ length: count }, (_, index) => {
    const value = index === count - 1 ? "/" : otherPath(index);
    const backends = [backendRule(index === count - 1 ? SERVICE : undefined)];
    return routeRule(`HTTPRoute/shop/r${index}`, {
      matches: [routeMatch({ path: { type: "PathPrefix", value } })],
      backends,
    });
  });
  return new RouteTable(rules);
}

function tablesOf({ bundle, carries, peer, size }: SideSettings): ProxyTables {
  const authorities = bundle.authorities.map((text) => new Uint8Array(Buffer.from(text, "base64")));
  const endpoints =
    peer === undefined ? [] : Array.from({ length: size.endpoints }, (_, index) => endpointOf(peer, index));
  return {
    revision: 1,
    settings: { explainDenials: true, traceSampling: 0.01, connectTimeoutMs: 1000, requestTimeoutMs: 15_000 },
    bundles: bundleSet([{ ...bundle, authorities }]),
    inbound: compilePolicy([lowerAuthorizationPolicy(policy(carries))]),
    outbound: new Map([[SERVICE, { protocol: carries, endpoints }]]),
    routes: new Map(size.routes === 0 ? [] : [[SERVICE, { requests: routesOf(size.routes), bytes: undefined }]]),
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
    outbound: settings.peer === undefined ? [] : [{ service: SERVICE, listen: LOOPBACK, isEdge: false }],
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
  return (bound.inbound ?? bound.outbound.get(SERVICE))?.port ?? 0;
}

console.log(start(JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"))));
