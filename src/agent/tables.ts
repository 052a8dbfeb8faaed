/** The configuration from the server, compiled to what the proxy looks things up in. */
import { compileTokenRules, type OnUnknownKey, type TokenAuthenticator, type TokenCrypto } from "#authentication";
import { importTokenKey, sha256Hex } from "#engine/crypto";
import { bundleSet, ownBundle, type TlsIdentity } from "#identity";
import { appProtocolOf } from "#model";
import { type CompiledLimit, type CompiledPolicy, compileLimits, compilePolicy, ruleSetsAt } from "#policy";
import type { ProxyTables, RoutingTable, ServiceTable } from "#proxy";
import { RouteTable, type ServiceRoutes } from "#routing";
import type { AgentConfig, AgentService } from "#xds";
import { Authorizers } from "./external-authorization/authorizers.ts";

const TOKEN_CRYPTO: TokenCrypto = { importKey: importTokenKey, digest: sha256Hex };

/** Compiles what changed: a part of the configuration that is the same object as before has been compiled already. */
export class TableCompiler {
  readonly #policies = new WeakMap<AgentConfig["policies"], CompiledPolicy>();
  readonly #limits = new WeakMap<AgentConfig["limits"], readonly CompiledLimit[] | undefined>();
  readonly #tokens = new WeakMap<AgentConfig["tokens"], TokenAuthenticator | undefined>();
  readonly #authorizers = new Authorizers();
  readonly #routes = new WeakMap<ServiceRoutes, RoutingTable>();
  readonly #onUnknownKey: OnUnknownKey;

  constructor(onUnknownKey: OnUnknownKey) {
    this.#onUnknownKey = onUnknownKey;
  }

  /** `nowMs` is by when policies are taken to be in force. The bundle that came with the agent's own certificate holds until the server sends a newer one. */
  compile(config: AgentConfig, identity: TlsIdentity, nowMs: number): ProxyTables {
    const { explainDenials, traceSampling, connectTimeoutMs, requestTimeoutMs } = config.settings;
    return {
      revision: config.revision,
      settings: { explainDenials, traceSampling, connectTimeoutMs, requestTimeoutMs },
      bundles: bundleSet([ownBundle(identity), ...config.bundles]),
      inbound: once(this.#policies, ruleSetsAt(config.policies, nowMs).ruleSets, compilePolicy),
      ...this.#egressOf(config, nowMs),
      limits: once(this.#limits, config.limits, compileLimits),
      tokens: once(this.#tokens, config.tokens, (rules) => compileTokenRules(rules, TOKEN_CRYPTO, this.#onUnknownKey)),
      authorizers: this.#authorizers.of(config.providers),
      mtls: config.mtls,
      outbound: new Map([...config.services].map(([key, service]) => [key, serviceTable(service)])),
      routes: new Map([...config.routes].map(([key, routes]) => [key, once(this.#routes, routes, routingTable)])),
    };
  }

  #egressOf({ egress }: AgentConfig, nowMs: number): Pick<ProxyTables, "egress"> {
    return egress.length === 0
      ? {}
      : { egress: once(this.#policies, ruleSetsAt(egress, nowMs).ruleSets, compilePolicy) };
  }

  /** Lets go of connections. */
  stop(): void {
    this.#authorizers.stop();
  }
}

function once<K extends object, V>(held: WeakMap<K, V>, key: K, compile: (key: K) => V): V {
  const compiled = held.get(key) ?? compile(key);
  held.set(key, compiled);
  return compiled;
}

function serviceTable({ endpoints, ports, traffic }: AgentService): ServiceTable {
  return { endpoints, traffic, protocol: ports[0] === undefined ? "auto" : appProtocolOf(ports[0]) };
}

function routingTable({ requests, bytes }: ServiceRoutes): RoutingTable {
  return { requests: requests === undefined ? undefined : new RouteTable(requests), bytes };
}
