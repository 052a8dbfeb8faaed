import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseTrustDomain, workloadSpiffeId } from "#identity";
import {
  type AuthorizationPolicy,
  type RateLimitPolicy,
  type RequestAuthentication,
  type Resource,
  type Service,
  valueOrThrow,
  type WorkloadEntry,
} from "#model";
import { emptySnapshot, nextSnapshot, type Registration, registrationKey, scopeFor } from "./index.ts";

const trustDomain = valueOrThrow(parseTrustDomain("shop.example"));
const empty = emptySnapshot(trustDomain);
const meta = (namespace: string, name: string) => ({ namespace, name, labels: {}, annotations: {} });

function service(name: string, selector: Record<string, string>, namespace = "shop"): Service {
  const ports = [{ name: "http", port: 80, targetPort: 80, appProtocol: "http" }];
  return { apiVersion: "v1", kind: "Service", metadata: meta(namespace, name), spec: { selector, ports } };
}

function listing(accounts: string, each: Service): Service {
  return { ...each, metadata: { ...each.metadata, annotations: { "heddle.dev/service-accounts": accounts } } };
}

function policy(name: string, namespace: string, selector?: Record<string, string>): AuthorizationPolicy {
  return {
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: meta(namespace, name),
    spec: { selector, action: "ALLOW", rules: [] },
  };
}

function rateLimit(name: string, namespace: string, selector?: Record<string, string>): RateLimitPolicy {
  const limit = { name: "all", to: [], by: { kind: "caller" }, requests: 1, perMs: 1000, burst: 1 } as const;
  return {
    apiVersion: "heddle.dev/v1",
    kind: "RateLimitPolicy",
    metadata: meta(namespace, name),
    spec: { selector, limits: [limit] },
  };
}

function registration(instance: string, labels: Record<string, string>, change: Partial<Registration> = {}) {
  const serviceAccount = instance.split("-")[0] ?? "";
  return {
    namespace: "shop",
    serviceAccount,
    instance,
    spiffeId: workloadSpiffeId(trustDomain, "shop", serviceAccount),
    address: "127.0.0.1",
    meshPort: 15008,
    appPort: 3000,
    labels,
    ready: true,
    ...change,
  };
}

const registered = (...all: Registration[]) => new Map(all.map((each) => [registrationKey(each), each]));
const instancesOf = (snapshot: typeof empty, key: `${string}/${string}`) =>
  snapshot.services.get(key)?.endpoints.map((each) => each.instance);

describe("a service's endpoints", () => {
  const cases: [string, Registration[], string[]][] = [
    ["are those whose labels its selector matches", [registration("cart-1", { app: "cart" })], ["cart-1"]],
    ["are none whose labels differ", [registration("cart-1", { app: "other" })], []],
    ["are none that are not ready", [registration("cart-1", { app: "cart" }, { ready: false })], []],
    ["are none of another namespace", [registration("cart-1", { app: "cart" }, { namespace: "prod" })], []],
    ["may declare themselves", [registration("cart-1", { "heddle.dev/service": "cart" })], ["cart-1"]],
    [
      "are none whose service account is another's, whatever labels they claim",
      [registration("evil-1", { app: "cart" }), registration("evil-2", { "heddle.dev/service": "cart" })],
      [],
    ],
    ["may bear a service account that the service lists", [registration("basket-1", { app: "cart" })], ["basket-1"]],
    [
      "that declare another service are not also this one's",
      [registration("cart-1", { app: "cart", "heddle.dev/service": "basket" })],
      [],
    ],
    [
      "are in order of instance",
      [registration("cart-2", { app: "cart" }), registration("cart-1", { app: "cart" })],
      ["cart-1", "cart-2"],
    ],
  ];
  test.each(cases)("%s", (_, all, expected) => {
    const next = nextSnapshot(empty, {
      resources: [listing("trolley, basket", service("cart", { app: "cart" }))],
      registrations: registered(...all),
    });
    expect(instancesOf(next, "shop/cart")).toEqual(expected);
  });

  test("are none when the selector is empty", () => {
    const next = nextSnapshot(empty, {
      resources: [service("cart", {})],
      registrations: registered(registration("cart-1", {})),
    });
    expect(instancesOf(next, "shop/cart")).toEqual([]);
  });

  test("make a service that only they name", () => {
    const next = nextSnapshot(empty, {
      registrations: registered(registration("orders-1", { "heddle.dev/service": "orders" })),
    });
    expect(next.services.get("shop/orders")).toMatchObject({ ports: [{ port: 3000 }] });
    expect(instancesOf(next, "shop/orders")).toEqual(["orders-1"]);
  });

  test("may be written as WorkloadEntry, until the workload announces itself", () => {
    const entry: WorkloadEntry = {
      apiVersion: "networking.istio.io/v1",
      kind: "WorkloadEntry",
      metadata: meta("shop", "cart-vm"),
      spec: { address: "10.0.0.9", ports: {}, labels: { app: "cart" }, serviceAccount: "cart", weight: 3 },
    };
    const resources: Resource[] = [service("cart", { app: "cart" }), entry];
    const written = nextSnapshot(empty, { resources });
    expect(written.services.get("shop/cart")?.endpoints).toMatchObject([{ address: "10.0.0.9", weight: 3 }]);
    const away = registration("cart-vm", { app: "cart" }, { ready: false });
    expect(instancesOf(nextSnapshot(written, { registrations: registered(away) }), "shop/cart")).toEqual([]);
  });
});

describe("the next snapshot", () => {
  const resources = [service("cart", { app: "cart" }), service("catalog", { app: "catalog" }), policy("p", "shop")];
  const first = nextSnapshot(empty, { resources, registrations: registered(registration("cart-1", { app: "cart" })) });

  test("shares what did not change", () => {
    const more = registered(registration("cart-1", { app: "cart" }), registration("cart-2", { app: "cart" }));
    const second = nextSnapshot(first, { registrations: more });
    expect(second.revision).toBe(first.revision + 1);
    expect(second.services.get("shop/cart")).not.toBe(first.services.get("shop/cart"));
    expect(second.services.get("shop/catalog")).toBe(first.services.get("shop/catalog"));
    expect(second.ruleSets).toBe(first.ruleSets);
    expect(second.settings).toBe(first.settings);
    expect(instancesOf(first, "shop/cart")).toEqual(["cart-1"]);
  });

  test("keeps its number when nothing that an agent could see changed", () => {
    const copy = structuredClone(resources);
    const again = nextSnapshot(first, { resources: copy });
    expect(again.revision).toBe(first.revision);
    expect(again.policies[0]).toBe(first.policies[0]);
  });

  test("shares limits that did not change, and has a number of its own for those that did", () => {
    const limited = nextSnapshot(first, { resources: [...resources, rateLimit("calm", "shop")] });
    expect(limited.revision).toBe(first.revision + 1);
    expect(limited.ruleSets).toBe(first.ruleSets);
    const again = nextSnapshot(limited, { resources: [...resources, rateLimit("calm", "shop")] });
    expect(again.revision).toBe(limited.revision);
    expect(again.limitSets).toBe(limited.limitSets);
    const none = nextSnapshot(again, { resources });
    expect([none.revision, none.limitSets.size]).toEqual([limited.revision + 1, 0]);
  });

  test("never takes the trust domain from a resource", () => {
    const spec = { ...empty.settings, trustDomain: "evil.example", svidTtlMs: 20_000, issuerAuthorities: [] };
    const mesh: Resource = { apiVersion: "heddle.dev/v1", kind: "Mesh", metadata: meta("", "mesh"), spec };
    expect(nextSnapshot(empty, { resources: [mesh] }).settings).toMatchObject({ trustDomain, svidTtlMs: 20_000 });
  });

  test("is the same by whatever steps the registrations came", () => {
    const instance = fc.constantFrom("cart-1", "cart-2", "catalog-1", "catalog-2");
    const step = fc.record({ instance, ready: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const all = new Map<string, Registration>();
        let snapshot = nextSnapshot(empty, { resources });
        for (const { instance: name, ready } of steps) {
          all.set(`shop/${name}`, registration(name, { app: name.split("-")[0] ?? "" }, { ready }));
          snapshot = nextSnapshot(snapshot, { registrations: new Map(all) });
        }
        const atOnce = nextSnapshot(empty, { resources, registrations: all });
        expect([...snapshot.services]).toEqual([...atOnce.services]);
      }),
    );
  });
});

test("a scope holds the workload's own policies and the subscribed services alone", () => {
  const resources = [
    service("cart", { app: "cart" }),
    service("payments", { app: "payments" }),
    policy("all", "heddle-system"),
    policy("mine", "shop", { app: "cart" }),
    policy("theirs", "shop", { app: "payments" }),
    policy("elsewhere", "prod"),
    rateLimit("all", "heddle-system"),
    rateLimit("mine", "shop", { app: "cart" }),
    rateLimit("theirs", "shop", { app: "payments" }),
    rateLimit("elsewhere", "prod"),
  ];
  const snapshot = nextSnapshot(empty, { resources });
  const scope = scopeFor(snapshot, { namespace: "shop", labels: { app: "cart" } }, ["shop/cart", "shop/nothing"]);
  expect([...scope.services.keys()]).toEqual(["shop/cart"]);
  expect(scope.rules.ruleSets.map(({ ref }) => ref.name)).toEqual(["all", "mine"]);
  expect(scope.rules.limits.map(({ ref }) => ref.name)).toEqual(["all", "mine"]);
});

describe("rules of tokens", () => {
  const uri = "https://id.example/keys";
  const people = (
    name: string,
    namespace: string,
    change: Partial<RequestAuthentication["spec"]> = {},
  ): RequestAuthentication => ({
    apiVersion: "security.istio.io/v1",
    kind: "RequestAuthentication",
    metadata: meta(namespace, name),
    spec: {
      selector: undefined,
      targetRefs: [],
      jwtRules: [
        {
          issuer: name,
          audiences: [],
          keys: { kind: "uri", uri },
          from: { headers: [], params: [], cookies: [] },
          output: { payloadHeader: "", claimHeaders: [] },
          isForwarded: false,
          timeoutMs: 5000,
        },
      ],
      ...change,
    },
  });
  const resources = [
    people("mesh", "heddle-system"),
    people("all", "shop"),
    people("cart", "shop", { selector: { app: "cart" } }),
    people("behind", "shop", { targetRefs: [{ kind: "Service", name: "cart" }] }),
    people("other", "warehouse"),
    people("root-behind", "heddle-system", { targetRefs: [{ kind: "Service", name: "cart" }] }),
    service("cart", { app: "cart" }),
  ];
  const rulesAt = (labels: Record<string, string>, snapshot = nextSnapshot(empty, { resources })) =>
    scopeFor(snapshot, { namespace: "shop", labels }, []).rules.tokens;

  test("add up where they hold: by selector, by service, by namespace, for the mesh", () => {
    const issuers = (labels: Record<string, string>): unknown => rulesAt(labels).map(({ issuer }) => issuer);
    expect(issuers({ app: "cart" })).toEqual(["mesh", "all", "behind", "cart"]);
    expect(issuers({ "heddle.dev/service": "cart" })).toEqual(["mesh", "all", "behind"]);
    expect(issuers({ app: "cart", "heddle.dev/service": "orders" })).toEqual(["mesh", "all", "cart"]);
    expect(issuers({})).toEqual(["mesh", "all"]);
  });

  test("hold the keys that are known, and a snapshot is another only when keys are that somebody names", () => {
    const first = nextSnapshot(empty, { resources });
    expect(rulesAt({}, first).map(({ jwks }) => jwks)).toEqual(["", ""]);
    const unnamed = nextSnapshot(first, { issuerKeys: new Map([["jwks https://elsewhere.example/", "{}"]]) });
    expect(unnamed.revision).toBe(first.revision);
    const known = nextSnapshot(first, { issuerKeys: new Map([[`jwks ${uri}`, "{}"]]) });
    expect([known.revision, ...rulesAt({}, known).map(({ jwks }) => jwks)]).toEqual([first.revision + 1, "{}", "{}"]);
    expect(nextSnapshot(known, { issuerKeys: new Map([[`jwks ${uri}`, "{}"]]) }).revision).toBe(known.revision);
  });
});
