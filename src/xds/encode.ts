import { create, toBinary } from "@bufbuild/protobuf";
import type { Bundle, Revocation } from "#identity";
import type { Endpoint, MeshService, MeshSettings, WorkloadRules } from "#mesh";
import type { ServiceKey } from "#model";
import { InboundPolicySchema, MeshSettingsSchema, ServiceSchema, TrustBundleSchema } from "#proto";
import type { ServiceRoutes } from "#routing";
import { limitsMessage } from "./limit-messages.ts";
import { mtlsMessage } from "./mtls-messages.ts";
import { ruleSetMessage } from "./policy-messages.ts";
import { providerMessage } from "./provider-messages.ts";
import { encodeRoutes } from "./route-messages.ts";
import { tokensMessage } from "./token-messages.ts";
import { trafficMessage } from "./traffic-messages.ts";

/** A resource as it goes to any number of agents: encoded once. */
export interface EncodedResource {
  /** Hash of the bytes: equal content has an equal version, across restarts of the server too. */
  readonly version: string;
  readonly bytes: Uint8Array;
}

type Source = MeshSettings | Bundle | MeshService | ServiceRoutes | WorkloadRules;

/** Encodes parts of snapshots. Snapshots share what did not change, so each part is encoded once and forgotten with its last snapshot. */
export class ResourceEncoder {
  readonly #hash: (bytes: Uint8Array) => string;
  readonly #held = new WeakMap<Source, EncodedResource>();

  /** `hash` must be collision-resistant: an agent that holds a version is not sent it again. */
  constructor(hash: (bytes: Uint8Array) => string) {
    this.#hash = hash;
  }

  settings(settings: MeshSettings): EncodedResource {
    return this.#once(settings, () => encodeSettings(settings));
  }

  bundle(bundle: Bundle): EncodedResource {
    return this.#once(bundle, () => encodeBundle(bundle));
  }

  service(service: MeshService): EncodedResource {
    return this.#once(service, () => encodeService(service));
  }

  routes(service: ServiceKey, routes: ServiceRoutes): EncodedResource {
    return this.#once(routes, () => encodeRoutes(service, routes));
  }

  policy(rules: WorkloadRules): EncodedResource {
    return this.#once(rules, () => encodePolicy(rules));
  }

  #once(source: Source, encode: () => Uint8Array): EncodedResource {
    const held = this.#held.get(source);
    if (held !== undefined) return held;
    const bytes = encode();
    const encoded = { version: this.#hash(bytes), bytes };
    this.#held.set(source, encoded);
    return encoded;
  }
}

function encodeSettings(settings: MeshSettings): Uint8Array {
  const { trustDomain, explainDenials, traceSampling, connectTimeoutMs, requestTimeoutMs } = settings;
  return toBinary(
    MeshSettingsSchema,
    create(MeshSettingsSchema, { trustDomain, explainDenials, traceSampling, connectTimeoutMs, requestTimeoutMs }),
  );
}

function encodeBundle({
  trustDomain,
  authorities,
  sequence,
  revocations = [],
  jwtAuthorities = [],
}: Bundle): Uint8Array {
  return toBinary(
    TrustBundleSchema,
    create(TrustBundleSchema, {
      trustDomain,
      authorities: [...authorities],
      sequence: BigInt(sequence),
      revocations: revocations.map(revocationMessage),
      jwtAuthorities: jwtAuthorities.map((each) => ({ ...each })),
    }),
  );
}

function revocationMessage(revocation: Revocation) {
  const expiresAtMs = BigInt(revocation.expiresAtMs);
  if (revocation.kind === "certificate") return { serial: revocation.serial, expiresAtMs };
  const { spiffeId, notBeforeUntilMs } = revocation;
  return { spiffeId, notBeforeUntilMs: BigInt(notBeforeUntilMs), expiresAtMs };
}

function encodeService({ namespace, name, ports, endpoints, traffic }: MeshService): Uint8Array {
  const doors = ports.map((each) => ({ name: each.name, port: each.port, appProtocol: each.appProtocol }));
  const places = endpoints.map(endpointMessage);
  return toBinary(
    ServiceSchema,
    create(ServiceSchema, {
      namespace,
      name,
      ports: doors,
      endpoints: places,
      ...(traffic === undefined ? {} : { traffic: trafficMessage(traffic) }),
    }),
  );
}

function endpointMessage(endpoint: Endpoint) {
  const { instance, namespace, serviceAccount, address, meshPort, appPort, weight, spiffeId } = endpoint;
  // Equal labels must give equal bytes, in whatever order they were announced.
  const labels = Object.fromEntries(Object.entries(endpoint.labels).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { instance, namespace, serviceAccount, address, meshPort, appPort, weight, labels, spiffeId: spiffeId.uri };
}

function encodePolicy({ ruleSets, limits, tokens, providers, mtls, egress }: WorkloadRules): Uint8Array {
  return toBinary(
    InboundPolicySchema,
    create(InboundPolicySchema, {
      ruleSets: ruleSets.map(ruleSetMessage),
      limits: limits.map(limitsMessage),
      tokens: tokens.map(tokensMessage),
      providers: providers.map(providerMessage),
      mtls: mtlsMessage(mtls),
      egress: egress.map(ruleSetMessage),
    }),
  );
}
