/** One service as this workload calls it: its endpoints, the balancer among them, and the edge that each is recorded under. */

import type { AppProtocol, TrafficPolicy } from "#model";
import { type HashKey, type ServiceKey, splitKey, versionOf, wholeServiceName } from "#model";
import { calleeAttributes, type Decision, decide } from "#policy";
import {
  Balancer,
  balancerSettings,
  type Candidate,
  CircuitBreaker,
  hashKeyOf,
  type Locality,
  localityOf,
  type PickRequest,
  RetryBudget,
} from "#routing";
import type { EdgeKey, Party } from "#telemetry";
import type { ProxyContext } from "../context.ts";
import type { OutboundEndpoint, ServiceTable } from "../tables.ts";
import { Peer } from "./peer.ts";

/** An endpoint with what a request needs of it. */
export interface Target {
  readonly instance: string;
  readonly weight: number;
  readonly locality: Locality;
  readonly hashKey: string;
  readonly endpoint: OutboundEndpoint;
  readonly peer: Peer;
  /** Slot of the recorder. */
  readonly edge: number;
  /** The same for bytes without HTTP; opened when it is first needed. */
  readonly tcpEdge: () => number;
  /** Gives the slots up. */
  readonly close: () => void;
}

export class OutboundService {
  readonly key: ServiceKey;
  readonly #context: ProxyContext;
  readonly #balancer: Balancer<Target>;
  readonly #self: Party;
  /** Where requests are recorded that found no endpoint. */
  readonly noEndpointEdge: number;
  /** Whom a tunnel asks for; the peer's agent serves one app only. */
  readonly authority: string;
  readonly retries: RetryBudget;
  /** What is under way towards the service, and how much may be. */
  readonly circuit: CircuitBreaker;
  #protocol: AppProtocol = "auto";
  #refused: Decision | undefined;
  #traffic: TrafficPolicy | undefined;

  constructor(context: ProxyContext, key: ServiceKey, self: Party) {
    this.#context = context;
    this.key = key;
    this.#balancer = new Balancer(context.random);
    this.retries = new RetryBudget(context.deadlines.nowMs);
    this.circuit = new CircuitBreaker(context.limits.circuit);
    const { namespace, name: full } = splitKey(key);
    const name = wholeServiceName(full);
    this.authority = `${name}.${namespace}:80`;
    const nobody = { namespace, workload: "", instance: "", principal: "", service: name, version: "" };
    this.noEndpointEdge = context.recorder.openEdge(edgeKey(self, nobody, { protocol: "http", mtls: false }));
    this.#self = self;
  }

  /** What the service declares that its apps speak. */
  get protocol(): AppProtocol {
    return this.#protocol;
  }

  get targets(): readonly Target[] {
    return this.#balancer.candidates.map((candidate) => candidate.endpoint);
  }

  /** What of a request decides that it meets the same endpoint as another; undefined: chance does. */
  get hashKey(): HashKey | undefined {
    return this.#traffic?.hashKey;
  }

  select(nowMs: number, request?: Candidate<Target> | PickRequest<Target>): Candidate<Target> | undefined {
    return this.#balancer.select(nowMs, request);
  }

  /** Why no endpoint may be called, where there are some and a policy about what goes out leaves none. */
  get refused(): Decision | undefined {
    return this.#refused;
  }

  /**
   * Replaces the endpoints. Those that stay keep their connection; those that go finish what they have, unless they may not be called any
   * more: then it ends. Whom policies let call is asked here and not of each request, since it depends on the endpoint alone.
   */
  update(table: ServiceTable | undefined): void {
    this.#protocol = table?.protocol ?? "auto";
    this.#follow(table?.traffic);
    const known = table?.endpoints ?? [];
    const refusals = this.#refusals(known);
    const endpoints = refusals.size === 0 ? known : known.filter(({ instance }) => !refusals.has(instance));
    this.#refused = endpoints.length === 0 ? refusals.values().next().value : undefined;
    const before = new Map(this.targets.map((target) => [target.instance, target]));
    const targets = endpoints.map((endpoint) => this.#targetOf(endpoint, before.get(endpoint.instance)));
    for (const target of targets) {
      if (before.get(target.instance)?.peer === target.peer) before.delete(target.instance);
    }
    this.#balancer.update(targets);
    for (const gone of before.values()) {
      const refusal = refusals.get(gone.instance);
      if (refusal === undefined) gone.peer.drain();
      else gone.peer.refuse(refusal);
      gone.close();
    }
  }

  /** By instance, the endpoints that the workload may not call. */
  #refusals(endpoints: readonly OutboundEndpoint[]): ReadonlyMap<string, Decision> {
    const { tables, identity } = this.#context;
    const { egress } = tables;
    if (egress === undefined) return NO_REFUSALS;
    return new Map(
      endpoints.flatMap((endpoint) => {
        const decision = decide(egress, calleeAttributes(endpoint, identity.spiffeId.trustDomain));
        return decision.verdict === "deny" ? [[endpoint.instance, withUnknown(decision, endpoint)] as const] : [];
      }),
    );
  }

  #follow(traffic: TrafficPolicy | undefined): void {
    const { workload, limits } = this.#context;
    this.#traffic = traffic;
    this.#balancer.configure(balancerSettings(traffic, localityOf(workload.labels)));
    const { connectTimeoutMs: _connect, ...wanted } = traffic?.pool ?? {};
    const said = Object.entries(wanted).filter(([, limit]) => limit !== undefined);
    this.circuit.configure({ ...limits.circuit, ...Object.fromEntries(said) });
  }

  /** Nobody sends there any more: what has begun finishes. */
  close(): void {
    for (const target of this.targets) {
      target.peer.drain();
      target.close();
    }
    this.#context.recorder.closeEdge(this.noEndpointEdge);
  }

  #targetOf(endpoint: OutboundEndpoint, known: Target | undefined): Target {
    if (known !== undefined && isSamePlace(known.endpoint, endpoint))
      return { ...known, endpoint, weight: endpoint.weight, locality: localityOf(endpoint.labels) };
    const destination: Party = {
      namespace: endpoint.namespace,
      workload: endpoint.serviceAccount,
      instance: endpoint.instance,
      principal: endpoint.spiffeId.uri,
      service: wholeServiceName(splitKey(this.key).name),
      version: versionOf(endpoint.labels),
    };
    const { recorder } = this.#context;
    const openEdge = (protocol: "http" | "tcp"): number =>
      recorder.openEdge(edgeKey(this.#self, destination, { protocol, mtls: true }));
    const edge = openEdge("http");
    let tcpEdge: number | undefined;
    return {
      instance: endpoint.instance,
      weight: endpoint.weight,
      locality: localityOf(endpoint.labels),
      hashKey: hashKeyOf(endpoint.address, endpoint.port),
      endpoint,
      peer: new Peer(this.#context, endpoint, {
        circuit: this.circuit,
        connectTimeoutMs: () => this.#traffic?.pool.connectTimeoutMs ?? this.#context.tables.settings.connectTimeoutMs,
      }),
      edge,
      tcpEdge() {
        tcpEdge ??= openEdge("tcp");
        return tcpEdge;
      },
      close() {
        recorder.closeEdge(edge);
        if (tcpEdge !== undefined) recorder.closeEdge(tcpEdge);
      },
    };
  }
}

const NO_REFUSALS: ReadonlyMap<string, Decision> = new Map();

/** A rule by ports lets nobody in of whom the port is not known, which is told where it may be why. */
function withUnknown(decision: Decision, { instance, appPort = 0 }: OutboundEndpoint): Decision {
  if (appPort > 0) return decision;
  return { ...decision, label: `${decision.label}; the port of the app of ${instance} is not known` };
}

function isSamePlace(a: OutboundEndpoint, b: OutboundEndpoint): boolean {
  return a.address === b.address && a.port === b.port && a.spiffeId.uri === b.spiffeId.uri;
}

function edgeKey(source: Party, destination: Party, kind: Pick<EdgeKey, "protocol" | "mtls">): EdgeKey {
  return { reporter: "source", source, destination, ...kind };
}
