/** One service as this workload calls it: its endpoints, the balancer among them, and the edge that each is recorded under. */

import type { AppProtocol } from "#model";
import { type ServiceKey, splitKey } from "#model";
import { Balancer, type Candidate, RetryBudget } from "#routing";
import type { EdgeKey, Party } from "#telemetry";
import type { ProxyContext } from "../context.ts";
import type { OutboundEndpoint, ServiceTable } from "../tables.ts";
import { Peer } from "./peer.ts";

/** An endpoint with what a request needs of it. */
export interface Target {
  readonly instance: string;
  readonly weight: number;
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
  /** Tunnels that were opened for silent connections and on which nobody has spoken yet. */
  guesses = 0;
  #protocol: AppProtocol = "auto";

  constructor(context: ProxyContext, key: ServiceKey, self: Party) {
    this.#context = context;
    this.key = key;
    this.#balancer = new Balancer(context.random);
    this.retries = new RetryBudget(context.deadlines.nowMs);
    const { namespace, name } = splitKey(key);
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

  select(nowMs: number, avoid?: Candidate<Target>): Candidate<Target> | undefined {
    return this.#balancer.select(nowMs, avoid);
  }

  /** Replaces the endpoints. Those that stay keep their connection; those that go finish what they have. */
  update(table: ServiceTable | undefined): void {
    this.#protocol = table?.protocol ?? "auto";
    const endpoints = table?.endpoints ?? [];
    const before = new Map(this.targets.map((target) => [target.instance, target]));
    const targets = endpoints.map((endpoint) => this.#targetOf(endpoint, before.get(endpoint.instance)));
    for (const target of targets) {
      if (before.get(target.instance)?.peer === target.peer) before.delete(target.instance);
    }
    this.#balancer.update(targets);
    for (const gone of before.values()) {
      gone.peer.drain();
      gone.close();
    }
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
      return { ...known, endpoint, weight: endpoint.weight };
    const destination: Party = {
      namespace: endpoint.namespace,
      workload: endpoint.serviceAccount,
      instance: endpoint.instance,
      principal: endpoint.spiffeId.uri,
      service: splitKey(this.key).name,
      version: endpoint.labels["version"] ?? "",
    };
    const { recorder } = this.#context;
    const openEdge = (protocol: "http" | "tcp"): number =>
      recorder.openEdge(edgeKey(this.#self, destination, { protocol, mtls: true }));
    const edge = openEdge("http");
    let tcpEdge: number | undefined;
    return {
      instance: endpoint.instance,
      weight: endpoint.weight,
      endpoint,
      peer: new Peer(this.#context, endpoint),
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

function isSamePlace(a: OutboundEndpoint, b: OutboundEndpoint): boolean {
  return a.address === b.address && a.port === b.port && a.spiffeId.uri === b.spiffeId.uri;
}

function edgeKey(source: Party, destination: Party, kind: Pick<EdgeKey, "protocol" | "mtls">): EdgeKey {
  return { reporter: "source", source, destination, ...kind };
}
