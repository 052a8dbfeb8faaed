import { describe, expect, test } from "bun:test";
import { create, type Message, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import type { TokenRule } from "#authentication";
import { sha256Hex } from "#engine/crypto";
import { workloadSpiffeId } from "#identity";
import { defaultSettings, type MeshService } from "#mesh";
import { MTLS_MODES, type NamedProvider, valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import type { LimitSet, RuleSet } from "#policy";
import { InboundPolicySchema, MeshSettingsSchema, type RateLimitSetMessage } from "#proto";
import { lowerHttpRoute } from "#routing";
import { fakeAuthority } from "../../test/fakes/mesh-authority.ts";
import { backendRule, routeRule } from "../../test/fakes/route-rules.ts";
import {
  configOf,
  decodeResource,
  NOTHING_HELD,
  neededServices,
  ResourceEncoder,
  type ResourceKind,
  withChange,
  withNeededServices,
} from "./index.ts";

const authority = fakeAuthority("shop.example");
type LimitMessage = RateLimitSetMessage["limits"][number];

const encoder = new ResourceEncoder(sha256Hex);
const NO_RULES = { ruleSets: [], limits: [], tokens: [], providers: [], mtls: "STRICT", egress: [] } as const;
const words = fc.array(fc.string({ maxLength: 12 }), { maxLength: 3 });

const endpoint = fc
  .record({
    instance: fc.stringMatching(/^[a-z]{1,8}$/),
    address: fc.ipV4(),
    meshPort: fc.integer({ min: 1, max: 65_535 }),
    appPort: fc.integer({ min: 0, max: 65_535 }),
    labels: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string({ maxLength: 8 }), { maxKeys: 4 }),
    weight: fc.integer({ min: 1, max: 1000 }),
  })
  .map((each) => ({
    ...each,
    namespace: "shop",
    serviceAccount: "cart",
    spiffeId: workloadSpiffeId(authority.trustDomain, "shop", "cart"),
  }));

const operations = fc.array(
  fc.record({
    methods: words,
    notMethods: words,
    paths: words,
    notPaths: words,
    ports: words,
    notPorts: words,
    hosts: words,
    notHosts: words,
  }),
  { maxLength: 2 },
);
const count = fc.integer({ min: 1, max: 1_000_000 });
const limitSet: fc.Arbitrary<LimitSet> = fc.record({
  ref: fc.record({ kind: fc.constant("RateLimitPolicy"), namespace: fc.string(), name: fc.string() }),
  limits: fc.array(
    fc.record({
      name: fc.string(),
      to: operations,
      by: fc.constantFrom(
        { kind: "workload" } as const,
        { kind: "caller" } as const,
        { kind: "header", name: "x-user" } as const,
      ),
      requests: count,
      perMs: fc.integer({ min: 1, max: 86_400_000 }),
      burst: count,
    }),
    { maxLength: 3 },
  ),
});

const sources = fc.array(
  fc.record({
    principals: words,
    notPrincipals: words,
    requestPrincipals: words,
    notRequestPrincipals: words,
    namespaces: words,
    notNamespaces: words,
    serviceAccounts: words,
    notServiceAccounts: words,
    ipBlocks: words,
    notIpBlocks: words,
    remoteIpBlocks: words,
    notRemoteIpBlocks: words,
  }),
  { maxLength: 2 },
);
const body = {
  ref: fc.record({ kind: fc.constant("AuthorizationPolicy"), namespace: fc.string(), name: fc.string() }),
  tier: fc.nat(200),
  mode: fc.constantFrom("enforce" as const, "observe" as const),
  isFallback: fc.boolean(),
  validity: fc.record({
    expiresAtMs: fc.option(fc.nat(), { nil: undefined }),
    schedule: fc.array(
      fc.record({
        days: fc.array(fc.nat(6), { maxLength: 3 }),
        fromMinute: fc.nat(1439),
        toMinute: fc.nat(1439),
        timeZone: fc.constantFrom("UTC", "Europe/Berlin"),
      }),
      { maxLength: 2 },
    ),
  }),
  rules: fc.array(
    fc.record({
      index: fc.nat(100),
      from: sources,
      to: operations,
      when: fc.array(fc.record({ key: fc.string(), values: words, notValues: words }), { maxLength: 2 }),
      unenforceable: fc.string({ maxLength: 8 }),
      expression: fc.string({ maxLength: 8 }),
    }),
    { maxLength: 3 },
  ),
};
const ruleSet: fc.Arbitrary<RuleSet> = fc.oneof(
  fc.record({ ...body, action: fc.constantFrom("ALLOW" as const, "DENY" as const, "AUDIT" as const) }),
  fc.record({ ...body, action: fc.constant("CUSTOM" as const), provider: fc.string({ minLength: 1 }) }),
);

const tokenRule: fc.Arbitrary<TokenRule> = fc.record({
  label: fc.string(),
  issuer: fc.string({ minLength: 1 }),
  audiences: words,
  jwks: fc.string(),
  from: fc.record({
    headers: fc.array(fc.record({ name: fc.string(), prefix: fc.string() }), { maxLength: 2 }),
    params: words,
    cookies: words,
  }),
  output: fc.record({
    payloadHeader: fc.string(),
    claimHeaders: fc.array(fc.record({ header: fc.string(), claim: fc.string() }), { maxLength: 2 }),
  }),
  isForwarded: fc.boolean(),
});
const provider: fc.Arbitrary<NamedProvider> = fc.record({
  name: fc.string(),
  protocol: fc.constantFrom("http" as const, "grpc" as const),
  url: fc.webUrl(),
  caCertificates: fc.string(),
  timeoutMs: fc.integer({ min: 1, max: 30_000 }),
  isFailOpen: fc.boolean(),
  statusOnError: fc.integer({ min: 400, max: 599 }),
  body: fc.option(fc.record({ bytesMax: fc.nat(), isPartialAllowed: fc.boolean(), isRaw: fc.boolean() }), {
    nil: undefined,
  }),
  headers: fc.record({
    inCheck: words,
    additional: fc.array(fc.record({ name: fc.string(), value: fc.string() }), { maxLength: 2 }),
    upstreamOnAllow: words,
    downstreamOnAllow: words,
    downstreamOnDeny: words,
  }),
});
const inboundRules = fc.record({
  ruleSets: fc.array(ruleSet, { maxLength: 4 }),
  limits: fc.array(limitSet, { maxLength: 3 }),
  tokens: fc.array(tokenRule, { maxLength: 3 }),
  providers: fc.array(provider, { maxLength: 2 }),
  mtls: fc.constantFrom(...MTLS_MODES),
  egress: fc.array(ruleSet, { maxLength: 2 }),
});

function serviceOf(endpoints: MeshService["endpoints"]): MeshService {
  const ports = [{ name: "http", port: 80, targetPort: 80, appProtocol: "http" }];
  return { key: "shop/cart", namespace: "shop", name: "cart", ports, endpoints, traffic: undefined };
}

const ROUTE = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: cart, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: cart }]
  hostnames: [cart.example.com]
  rules:
    - matches: [{ path: { type: Exact, value: /a }, headers: [{ name: x, value: y }], queryParams: [{ name: q, value: z }], method: GET }, {}]
      filters:
        - { type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: a, value: b }], add: [{ name: c, value: d }], remove: [e] } }
        - { type: URLRewrite, urlRewrite: { hostname: x.example, path: { type: ReplaceFullPath, replaceFullPath: /f } } }
        - { type: RequestMirror, requestMirror: { backendRef: { name: shadow }, percent: 10 } }
      backendRefs: [{ name: cart-v2, weight: 0 }, { name: gone }]
      timeouts: { request: 0s, backendRequest: 1s }
      retry: { codes: [500, 503], attempts: 2, backoff: 10ms }
    - filters: [{ type: RequestRedirect, requestRedirect: { scheme: https, port: 8443 } }, { type: ExtensionRef, extensionRef: { group: heddle.dev, kind: RequestPolicy, name: p } }]
---
apiVersion: heddle.dev/v1
kind: RequestPolicy
metadata: { name: p, namespace: shop }
spec: { fault: { delay: { percent: 10, duration: 2s }, abort: { httpStatus: 503 } }, hedge: { after: 100ms } }
`;

describe("what is encoded is decoded the same", () => {
  test("services", () => {
    fc.assert(
      fc.property(fc.array(endpoint, { maxLength: 5 }), (endpoints) => {
        const { bytes } = encoder.service(serviceOf(endpoints));
        const { kind, value } = valueOrThrow(decodeResource("Service", "shop/cart", bytes));
        const expected = endpoints.map(({ meshPort, ...rest }) => ({ ...rest, port: meshPort }));
        expect(kind === "Service" && value.endpoints).toEqual(expected);
      }),
    );
  });

  test("policies", () => {
    fc.assert(
      fc.property(inboundRules, (rules) => {
        const { bytes } = encoder.policy(rules);
        expect(valueOrThrow(decodeResource("InboundPolicy", "self", bytes)).value).toEqual(rules);
      }),
    );
  });

  test("routes", () => {
    const files = [{ file: "a.yaml", text: ROUTE }];
    const [route, policy] = valueOrThrow(parseManifests(files));
    if (route?.kind !== "HTTPRoute") throw new Error("no route");
    const lowered = lowerHttpRoute(route, {
      backend: ({ namespace, name }) => (name === "gone" ? undefined : `${namespace}/${name}`),
      policy: () => (policy?.kind === "RequestPolicy" ? policy : undefined),
    });
    const { bytes } = encoder.routes("shop/cart", { requests: lowered, bytes: undefined });
    const decoded = valueOrThrow(decodeResource("ServiceRoutes", "shop/cart", bytes));
    expect(decoded.value).toEqual({ requests: lowered, bytes: undefined });
  });

  test("traffic policies", () => {
    const text = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: cart, namespace: shop }
spec:
  host: cart
  trafficPolicy:
    loadBalancer:
      consistentHash: { httpCookie: { name: s, ttl: 1h }, maglev: {} }
      localityLbSetting: { distribute: [{ from: "a/*", to: { "a/*": 80, "b/*": 20 } }] }
      warmupDurationSecs: 30s
    connectionPool: { http: { http2MaxRequests: 9, maxRetries: 0 } }
    outlierDetection: { interval: 1s }
`;
    const [rule] = valueOrThrow(parseManifests([{ file: "a.yaml", text }]));
    if (rule?.kind !== "DestinationRule") throw new Error("no rule");
    const service = { ...serviceOf([]), traffic: rule.spec.trafficPolicy };
    const { kind, value } = valueOrThrow(decodeResource("Service", "shop/cart", encoder.service(service).bytes));
    expect(kind === "Service" && value.traffic).toEqual(rule.spec.trafficPolicy);
  });

  test("bundles and settings", () => {
    const bundle = valueOrThrow(decodeResource("TrustBundle", "shop.example", encoder.bundle(authority.bundle).bytes));
    expect(bundle.value).toMatchObject({ trustDomain: authority.trustDomain, sequence: 1 });
    const settings = defaultSettings(authority.trustDomain);
    const decoded = valueOrThrow(decodeResource("MeshSettings", "mesh", encoder.settings(settings).bytes));
    expect(settings).toMatchObject(decoded.value);
  });
});

describe("encoding", () => {
  test("gives equal content an equal version, and other content another", () => {
    fc.assert(
      fc.property(fc.array(endpoint, { minLength: 1, maxLength: 3 }), (endpoints) => {
        const turned = endpoints.map((each) => ({
          ...each,
          labels: Object.fromEntries(Object.entries(each.labels).reverse()),
        }));
        const { version } = encoder.service(serviceOf(endpoints));
        expect(encoder.service(serviceOf(turned)).version).toBe(version);
        expect(encoder.service(serviceOf(endpoints.slice(1))).version).not.toBe(version);
      }),
    );
  });

  test("happens once for one object", () => {
    const service = serviceOf([]);
    expect(encoder.service(service).bytes).toBe(encoder.service(service).bytes);
  });
});

describe("decoding", () => {
  test("never throws", () => {
    const kind = fc.constantFrom<ResourceKind>(
      "MeshSettings",
      "TrustBundle",
      "Service",
      "ServiceRoutes",
      "InboundPolicy",
    );
    fc.assert(
      fc.property(kind, fc.uint8Array({ maxLength: 64 }), (each, bytes) => {
        expect(typeof decodeResource(each, "mesh", bytes).ok).toBe("boolean");
      }),
    );
  });

  const action = toBinary(
    InboundPolicySchema,
    create(InboundPolicySchema, { ruleSets: [{ kind: "K", namespace: "n", name: "x" }] }),
  );
  const sampling = toBinary(
    MeshSettingsSchema,
    create(MeshSettingsSchema, { trustDomain: "a.b", traceSampling: 2, connectTimeoutMs: 1, requestTimeoutMs: 1 }),
  );
  const cases: [string, ResourceKind, string, Uint8Array][] = [
    ["a service under another's name", "Service", "shop/payments", encoder.service(serviceOf([])).bytes],
    ["another workload's policy", "InboundPolicy", "shop/cart", encoder.policy(NO_RULES).bytes],
    ["an action that is not known", "InboundPolicy", "self", action],
    ["a sampling above 1", "MeshSettings", "mesh", sampling],
    ["a bundle of another domain", "TrustBundle", "other.example", encoder.bundle(authority.bundle).bytes],
    ["an empty bundle", "TrustBundle", "shop.example", encoder.bundle({ ...authority.bundle, authorities: [] }).bytes],
  ];
  test.each(cases)("refuses %s", (_, kind, name, bytes) => {
    expect(decodeResource(kind, name, bytes).ok).toBe(false);
  });

  /** A policy with one limit, changed after it was made. */
  const limited = (change: (limit: LimitMessage, set: RateLimitSetMessage) => unknown): Uint8Array => {
    const limit = { name: "a", to: [{ methods: ["GET"] }], by: { kind: "caller" }, requests: 1, perMs: 1, burst: 1 };
    const sets = [{ kind: "RateLimitPolicy", namespace: "n", name: "x", limits: [limit] }];
    const message = create(InboundPolicySchema, { limits: sets });
    const [set] = message.limits;
    change(set?.limits[0] as LimitMessage, set as RateLimitSetMessage);
    return toBinary(InboundPolicySchema, message);
  };
  const spoil = (message: Message | undefined) =>
    Object.assign(message as Message, { $unknown: [{ no: 15, wireType: 0, data: new Uint8Array([1]) }] });
  test.each<[string, Uint8Array, string | undefined]>([
    ["nothing strange", limited(() => undefined), undefined],
    ["a key that is not known", limited(({ by }) => Object.assign(by ?? {}, { kind: "address" })), "is counted by"],
    ["no key", limited((each) => Object.assign(each, { by: undefined })), "is counted by"],
    ["a header without a name", limited(({ by }) => Object.assign(by ?? {}, { kind: "header" })), "is counted by"],
    ["no requests", limited((each) => Object.assign(each, { requests: 0 })), "requests"],
    ["no time", limited((each) => Object.assign(each, { perMs: 0 })), "perMs"],
    ["no burst", limited((each) => Object.assign(each, { burst: 0 })), "burst"],
    ["a field that is not known", limited((each) => spoil(each)), "not known here"],
    ["a field of its conditions that is not known", limited(({ to }) => spoil(to[0])), "not known here"],
    ["a field of its key that is not known", limited(({ by }) => spoil(by)), "not known here"],
    ["a field of its policy that is not known", limited((_, set) => spoil(set)), "not known here"],
  ])("a limit with %s", (_name, bytes, fault) => {
    const result = decodeResource("InboundPolicy", "self", bytes);
    const told = result.ok ? undefined : result.problems[0].message;
    if (fault === undefined) expect(told).toBeUndefined();
    else expect(told).toContain(fault);
  });
});

describe("what an agent holds", () => {
  const change = (kind: ResourceKind, name: string, bytes: Uint8Array) => ({
    kind,
    present: [{ name, version: "1", bytes }],
    removed: [],
  });
  const changes = [
    change("MeshSettings", "mesh", encoder.settings(defaultSettings(authority.trustDomain)).bytes),
    change("TrustBundle", "shop.example", encoder.bundle(authority.bundle).bytes),
    change("InboundPolicy", "self", encoder.policy(NO_RULES).bytes),
    change("Service", "shop/cart", encoder.service(serviceOf([])).bytes),
    { kind: "ServiceRoutes" as const, present: [], removed: ["shop/cart"] },
  ];
  const wanted = { revision: 7, services: ["shop/cart" as const] };

  test("is a configuration only when nothing is missing", () => {
    for (const missing of changes) {
      const held = changes
        .filter((each) => each !== missing)
        .reduce((all, each) => valueOrThrow(withChange(all, each)), NOTHING_HELD);
      expect(configOf(held, wanted).state).toBe("incomplete");
      expect(configOf(valueOrThrow(withChange(held, missing)), wanted)).toMatchObject({
        state: "complete",
        config: { revision: 7, policies: [] },
      });
    }
  });

  test("waits for the services that a route sends to, and forgets those that none does", () => {
    const routes = { requests: [routeRule("r", { backends: [backendRule("shop/cart-v2")] })], bytes: undefined };
    const routed = change("ServiceRoutes", "shop/cart", encoder.routes("shop/cart", routes).bytes);
    const held = [...changes, routed].reduce((all, each) => valueOrThrow(withChange(all, each)), NOTHING_HELD);
    expect(configOf(held, wanted).state).toBe("awaiting-backends");
    expect([...neededServices(held, wanted.services)]).toEqual(["shop/cart", "shop/cart-v2"]);
    const whole = valueOrThrow(withChange(held, { kind: "Service", present: [], removed: ["shop/cart-v2"] }));
    const made = configOf(whole, wanted);
    expect(made.state === "complete" && made.config.routes.get("shop/cart")).toEqual(routes);
    const unrouted = valueOrThrow(withChange(whole, { kind: "ServiceRoutes", present: [], removed: ["shop/cart"] }));
    expect([...withNeededServices(unrouted, wanted.services).Service.keys()]).toEqual(["shop/cart"]);
  });

  test("keeps a service that was removed as one without endpoints, and never loses its policy", () => {
    const held = changes.reduce((all, each) => valueOrThrow(withChange(all, each)), NOTHING_HELD);
    const without = valueOrThrow(withChange(held, { kind: "Service", present: [], removed: ["shop/cart"] }));
    const made = configOf(without, wanted);
    expect(made.state === "complete" && made.config.services.get("shop/cart")?.endpoints).toEqual([]);
    expect(withChange(held, { kind: "InboundPolicy", present: [], removed: ["self"] }).ok).toBe(false);
  });
});
