import { describe, expect, test } from "bun:test";
import { parseTrustDomain } from "#identity";
import { type Resource, valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import { emptySnapshot, nextSnapshot, routesFor } from "./index.ts";

const trustDomain = valueOrThrow(parseTrustDomain("shop.example"));
const SERVICES = ["shop/orders", "shop/orders-v2", "pay/cards"].map((key) => {
  const [namespace, name] = key.split("/");
  return `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { selector: { app: x }, ports: [{ port: 80 }, { name: admin, port: 81 }] }\n`;
});

function resources(...documents: string[]): readonly Resource[] {
  return valueOrThrow(parseManifests([{ file: "a.yaml", text: [...SERVICES, ...documents].join("---\n") }]));
}

function snapshotOf(...documents: string[]) {
  return nextSnapshot(emptySnapshot(trustDomain), { resources: resources(...documents) });
}

function route(
  spec: string,
  { name = "r", namespace = "shop", kind = "HTTPRoute", version = "v1", made = "2026-01-01T00:00:00Z" } = {},
) {
  return `apiVersion: gateway.networking.k8s.io/${version}
kind: ${kind}
metadata: { name: ${name}, namespace: ${namespace}, creationTimestamp: "${made}" }
spec: ${spec}
`;
}

const TO_ORDERS = 'parentRefs: [{ group: "", kind: Service, name: orders, namespace: shop }]';

function sources(snapshot: ReturnType<typeof snapshotOf>, callers: string) {
  return routesFor(snapshot.routes, "shop/orders", callers)?.requests?.map((rule) => rule.source);
}

function conditions(snapshot: ReturnType<typeof snapshotOf>, name: string) {
  return snapshot.routes.statuses
    .get(name)
    ?.map((parent) => parent.conditions.map(({ status, reason }) => `${status} ${reason}`).join(", "));
}

describe("the routes of a service", () => {
  test("of its own namespace hold for all, but for callers whose namespace has its own", () => {
    const snapshot = snapshotOf(
      route(`{ ${TO_ORDERS}, rules: [{ backendRefs: [{ name: orders-v2, port: 80 }] }] }`, { name: "producer" }),
      route(`{ ${TO_ORDERS}, rules: [{ backendRefs: [{ name: orders, namespace: shop, port: 80 }] }] }`, {
        name: "consumer",
        namespace: "web",
      }),
    );
    expect(sources(snapshot, "pay")).toEqual(["HTTPRoute/shop/producer#0"]);
    expect(sources(snapshot, "web")).toEqual(["HTTPRoute/web/consumer#0"]);
    expect(conditions(snapshot, "HTTPRoute/web/consumer")).toEqual(["True Accepted, True ResolvedRefs"]);
  });

  test("are in order of age, then of name", () => {
    const rules = `{ ${TO_ORDERS}, rules: [{ backendRefs: [{ name: orders, port: 80 }] }] }`;
    const snapshot = snapshotOf(
      route(rules, { name: "b" }),
      route(rules, { name: "a" }),
      route(rules, { name: "z", made: "2025-01-01T00:00:00Z" }),
    );
    expect(sources(snapshot, "shop")).toEqual(["HTTPRoute/shop/z#0", "HTTPRoute/shop/a#0", "HTTPRoute/shop/b#0"]);
  });

  test("of HTTP give way to those of gRPC, and say so", () => {
    const rules = `{ ${TO_ORDERS}, rules: [{ backendRefs: [{ name: orders, port: 80 }] }] }`;
    const snapshot = snapshotOf(
      route(rules, { name: "http" }),
      route(rules, { name: "grpc", kind: "GRPCRoute" }),
      route(rules, { name: "tcp", kind: "TCPRoute", version: "v1alpha2" }),
    );
    expect(sources(snapshot, "shop")).toEqual(["GRPCRoute/shop/grpc#0"]);
    expect(conditions(snapshot, "HTTPRoute/shop/http")).toEqual(["False Conflicted, True ResolvedRefs"]);
    expect(conditions(snapshot, "TCPRoute/shop/tcp")).toEqual(["False Conflicted, True ResolvedRefs"]);
  });

  test("are none for a port that is not the one called", () => {
    const parents = TO_ORDERS.replace("namespace: shop", "namespace: shop, port: 81");
    const snapshot = snapshotOf(route(`{ ${parents}, rules: [{ backendRefs: [{ name: orders, port: 80 }] }] }`));
    expect(sources(snapshot, "shop")).toBeUndefined();
    expect(conditions(snapshot, "HTTPRoute/shop/r")).toEqual(["True Accepted, True ResolvedRefs"]);
  });
});

describe("a parent that is not there", () => {
  test.each([
    ["a service", 'parentRefs: [{ group: "", kind: Service, name: nobody }]'],
    ["a port", 'parentRefs: [{ group: "", kind: Service, name: orders, port: 90 }]'],
    ["a gateway", "parentRefs: [{ name: front }]"],
  ])("as %s is told", (_name, parents) => {
    expect(conditions(snapshotOf(route(`{ ${parents} }`)), "HTTPRoute/shop/r")).toEqual([
      "False NoMatchingParent, True ResolvedRefs",
    ]);
  });
});

describe("a backend", () => {
  const grant = (from: string, to = "cards") => `apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: { name: g, namespace: pay }
spec: { from: [{ group: gateway.networking.k8s.io, kind: ${from}, namespace: shop }], to: [{ group: "", kind: Service, name: ${to} }] }
`;
  const cards = "{ name: cards, namespace: pay, port: 80 }";

  test.each([
    ["that does not exist", "{ name: nobody, port: 80 }", [], "False BackendNotFound"],
    ["whose port does not exist", "{ name: orders, port: 9 }", [], "False BackendNotFound"],
    ["of a kind that is not known", "{ name: orders, kind: Bucket, group: store, port: 80 }", [], "False InvalidKind"],
    ["of another namespace", cards, [], "False RefNotPermitted"],
    ["of another namespace that grants it", cards, [grant("HTTPRoute")], "True ResolvedRefs"],
    ["of one that grants it to another kind", cards, [grant("GRPCRoute")], "False RefNotPermitted"],
    ["of one that grants another name", cards, [grant("HTTPRoute", "other")], "False RefNotPermitted"],
  ])("%s", (_name, ref, grants, want) => {
    const snapshot = snapshotOf(...grants, route(`{ ${TO_ORDERS}, rules: [{ backendRefs: [${ref}] }] }`));
    expect(conditions(snapshot, "HTTPRoute/shop/r")).toEqual([`True Accepted, ${want}`]);
    const service = routesFor(snapshot.routes, "shop/orders", "shop")?.requests?.[0]?.backends[0]?.service;
    expect(service === undefined).toBe(want.startsWith("False"));
  });
});

describe("a destination rule", () => {
  const worker = (name: string, version: string) => `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: shop }
spec: { address: 127.0.0.1, labels: { app: x, version: ${version} } }
`;
  const rule = (spec: string, name = "rule", made = "2026-01-01T00:00:00Z") => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: shop, creationTimestamp: "${made}" }
spec: { host: orders, ${spec} }
`;

  test("holds for its service, the older of two before the younger", () => {
    const snapshot = snapshotOf(
      rule("trafficPolicy: { loadBalancer: { simple: RANDOM } }", "young"),
      rule("trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } }", "old", "2025-01-01T00:00:00Z"),
    );
    expect(snapshot.services.get("shop/orders")?.traffic?.balancing.kind).toBe("round-robin");
    expect(snapshot.services.get("shop/orders-v2")?.traffic).toBeUndefined();
  });

  test("makes subsets by label, which routes can name", () => {
    const snapshot = snapshotOf(
      worker("one", "v1"),
      worker("two", "v2"),
      rule("subsets: [{ name: v2, labels: { version: v2 } }]"),
      route(`{ ${TO_ORDERS}, rules: [{ backendRefs: [{ group: heddle.dev, kind: Subset, name: orders.v2 }] }] }`),
    );
    expect(snapshot.services.get("shop/orders")?.endpoints.length).toBe(2);
    expect(snapshot.services.get("shop/orders:v2")?.endpoints.map(({ instance }) => instance)).toEqual(["two"]);
    expect(routesFor(snapshot.routes, "shop/orders", "shop")?.requests?.[0]?.backends[0]?.service).toBe(
      "shop/orders:v2",
    );
    expect(conditions(snapshot, "HTTPRoute/shop/r")).toEqual(["True Accepted, True ResolvedRefs"]);
  });
});

test("routes that come out as before are the same object", () => {
  const first = snapshotOf(route(`{ ${TO_ORDERS} }`));
  const again = nextSnapshot(first, { resources: resources(route(`{ ${TO_ORDERS} }`)) });
  expect(again.routes).toBe(first.routes);
  expect(again.revision).toBe(first.revision);
});
