import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { type MeshSnapshot, nextSnapshot } from "#mesh";
import { type ResourceRef, valueOrThrow } from "#model";
import { parseManifests } from "#model/manifest";
import type { DecisionDelta, EdgeKey, Party } from "#telemetry";
import { TelemetryStore } from "#telemetry/store";
import { shopSnapshot } from "../../../test/fakes/shop-snapshot.ts";
import { decisionsView } from "./decision-view.ts";
import { guardProblems } from "./guard.ts";
import { simulate } from "./simulation.ts";

const NOW = 1_700_000_000_000;
const DAY_MS = 86_400_000;
const SPAN = { nowMs: NOW, fromMs: NOW - 7 * DAY_MS, toMs: NOW + 10_000, turn: () => Promise.resolve() };

const party = (service: string): Party => ({
  namespace: "shop",
  workload: service,
  instance: `${service}-1`,
  principal: `spiffe://shop.example/ns/shop/sa/${service}`,
  service,
  version: "",
});
const stranger: Party = { namespace: "", workload: "", instance: "192.0.2.7", principal: "", service: "", version: "" };

type Said = Partial<DecisionDelta> & { readonly source: string; readonly to: string };

/** Decisions as agents told them yesterday; the source `-` has no certificate. */
function recorded(...all: readonly Said[]): TelemetryStore {
  const store = new TelemetryStore({ database: new Database(":memory:") });
  store.open();
  const edges = all.map(
    ({ source, to }): EdgeKey => ({
      reporter: "destination",
      source: source === "-" ? stranger : party(source),
      destination: party(to),
      protocol: "http",
      mtls: source !== "-",
    }),
  );
  const decisions = all.map(({ source: _, to: __, ...said }, edge): DecisionDelta => {
    const asked = {
      port: 8080,
      detail: "whole",
      method: "GET",
      path: "/",
      host: "",
      token: "unread",
      issuer: "",
    } as const;
    const verdict = {
      verdict: "allow",
      isExternal: false,
      policy: "p",
      rule: 0,
      observedVerdict: "none",
      observedPolicy: "",
    } as const;
    return { edge, count: 10, ...asked, ...verdict, ...said };
  });
  const fromMs = NOW - DAY_MS;
  const empty = { series: [], samples: [], refusals: [], events: [], droppedSamples: 0, unrecordedDecisions: 2 };
  const batch = { fromMs, toMs: fromMs + 1000, edges, decisions, ...empty };
  store.ingest({ reporter: "x", session: "s", sequence: 1, batch, nowMs: NOW });
  return store;
}

const resourcesOf = (text: string) => valueOrThrow(parseManifests([{ file: "change.yaml", text }]));

function ask(
  store: TelemetryStore,
  change: string,
  {
    deleted = [],
    limit = 100,
    isSeen = () => true,
    snapshot = shopSnapshot(),
  }: {
    readonly deleted?: readonly ResourceRef[];
    readonly limit?: number;
    readonly isSeen?: (namespace: string) => boolean;
    readonly snapshot?: MeshSnapshot;
  } = {},
) {
  const given = change === "" ? [] : resourcesOf(change);
  return simulate({ snapshot, decisions: store }, { given, deleted }, { ...SPAN, limit, isSeen });
}

const CART = (paths: string) => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: cart-callers, namespace: shop }
spec:
  selector: { matchLabels: { app: cart } }
  rules:
    - from: [{ source: { principals: [shop.example/ns/shop/sa/storefront] } }]
      to: [{ operation: { paths: ${paths} } }]
`;

const SEEN = [
  { source: "storefront", to: "cart", path: "/carts/{*}" },
  { source: "checkout", to: "cart", path: "/carts/{*}", count: 3 },
  { source: "checkout", to: "cart", path: "/carts/{*}", count: 4, observedVerdict: "allow" },
  { source: "catalog", to: "inventory", path: "/stock/{*}" },
] as const;

describe("a change of the shop", () => {
  test("flips the caller that it leaves out, once, with all its requests", async () => {
    const view = await ask(recorded(...SEEN), CART('["/carts/*"]'));
    expect(view).toMatchObject({ replayed: 4, requests: 27, newlyDenied: 7, newlyAllowed: 0, undecided: [] });
    expect(view.flips).toMatchObject([
      {
        source: "shop/checkout",
        destination: "shop/cart",
        method: "GET",
        path: "/carts/{*}",
        count: 7,
        to: "deny",
        basis: "replay",
      },
    ]);
    expect(view.flips[0]?.by).toContain("AuthorizationPolicy/shop/cart-callers");
    expect(view.notes).toEqual([
      `nothing was recorded before ${new Date(NOW - DAY_MS).toISOString()}`,
      "2 decisions found no room at their agents, and nothing else is known of them",
    ]);
  });

  test("of one path in a recorded shape is not known, and says why", async () => {
    const view = await ask(recorded(...SEEN), CART('["/carts/7"]'));
    expect(view.undecided).toMatchObject([{ source: "shop/storefront", missing: ["request.path"] }]);
    expect(view).toMatchObject({ undecidedRequests: 10, newlyDenied: 7 });
  });

  test("of nothing flips nothing", async () => {
    const snapshot = shopSnapshot();
    const view = await simulate(
      { snapshot, decisions: recorded(...SEEN) },
      { given: structuredClone(snapshot.inputs.resources), deleted: [] },
      { ...SPAN, limit: 100, isSeen: () => true },
    );
    expect(view).toMatchObject({ flips: [], undecided: [], replayed: 4, newlyDenied: 0 });
  });

  test("that deletes a policy flips what it allowed, or what it denied", async () => {
    const ref = (name: string) => ({ kind: "AuthorizationPolicy", namespace: "shop", name }) as const;
    const store = recorded(...SEEN, { source: "lb", to: "recommendations", verdict: "deny" });
    expect((await ask(store, "", { deleted: [ref("cart-callers")] })).newlyDenied).toBe(17);
    const opened = await ask(store, "", { deleted: [ref("default-deny"), ref("recommendations-callers")] });
    expect(opened.flips).toMatchObject([{ source: "shop/lb", destination: "shop/recommendations", to: "allow" }]);
  });

  test("names owners: of the service, or of the nearest namespace", async () => {
    const owned = resourcesOf(`
apiVersion: v1
kind: Namespace
metadata: { name: shop, annotations: { heddle.dev/owner: shop-team } }
---
apiVersion: v1
kind: Service
metadata: { name: cart, namespace: shop, annotations: { heddle.dev/owner: cart-team } }
spec: { ports: [{ port: 80 }] }
`);
    const shop = shopSnapshot();
    const snapshot = nextSnapshot(shop, { resources: [...shop.inputs.resources, ...owned] });
    const view = await ask(recorded(...SEEN), CART('["/carts/*"]'), { snapshot });
    expect(view.flips).toMatchObject([{ sourceOwner: "shop-team", destinationOwner: "cart-team" }]);
  });

  test("to STRICT denies callers in the clear, by their address", async () => {
    const mtls = (mode: string) => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: lb, namespace: shop }
spec: { mtls: { mode: ${mode} } }
`;
    const open = nextSnapshot(shopSnapshot(), { resources: resourcesOf(mtls("PERMISSIVE")) });
    const view = await ask(recorded({ source: "-", to: "lb" }), mtls("STRICT"), { snapshot: open });
    expect(view.flips).toMatchObject([
      { source: "external", address: "192.0.2.7", destination: "shop/lb", to: "deny" },
    ]);
  });

  test("of whom workloads may call flips what they called, and back", async () => {
    const closed = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: storefront-egress, namespace: shop }
spec: { podSelector: { matchLabels: { app: storefront } }, policyTypes: [Egress] }
`;
    const store = recorded(...SEEN);
    const view = await ask(store, closed);
    expect(view).toMatchObject({ newlyDenied: 10, newlyAllowed: 0, undecided: [] });
    expect(view.flips).toMatchObject([
      {
        source: "shop/storefront",
        destination: "shop/cart",
        to: "deny",
        by: "default-deny: no rule of NetworkPolicy/shop/storefront-egress matched",
      },
    ]);
    expect(guardProblems(view, "undecided").map(({ code }) => code)).toContain("HDL_POLICY_GUARD");
    const shop = shopSnapshot();
    const snapshot = nextSnapshot(shop, { resources: [...shop.inputs.resources, ...resourcesOf(closed)] });
    const ref = { kind: "NetworkPolicy", namespace: "shop", name: "storefront-egress" } as const;
    const opened = await ask(store, "", { snapshot, deleted: [ref] });
    expect(opened.flips).toMatchObject([{ source: "shop/storefront", to: "allow" }]);
    const port = (number: number) => closed.replace("[Egress]", `[Egress], egress: [{ ports: [{ port: ${number} }] }]`);
    expect((await ask(store, port(8080))).flips).toEqual([]);
    expect((await ask(store, port(8081))).newlyDenied).toBe(10);
    expect((await ask(store, CART('["/none"]'), { snapshot })).newlyDenied).toBe(7);
  });

  test("of whom some workloads of a caller may call is not known", async () => {
    const shop = shopSnapshot();
    const first = shop.inputs.registrations.get("shop/storefront-1");
    if (first === undefined) throw new Error("no storefront");
    const second = { ...first, instance: "storefront-2", labels: { app: "b" } };
    const registrations = new Map([...shop.inputs.registrations, ["shop/storefront-2", second]]);
    const snapshot = nextSnapshot(shop, { registrations });
    const some = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: b-egress, namespace: shop }
spec: { podSelector: { matchLabels: { app: b } }, policyTypes: [Egress] }
`;
    const view = await ask(recorded(...SEEN), some, { snapshot });
    expect(view.undecided).toMatchObject([
      { source: "shop/storefront", missing: ["which of the caller's workloads called"] },
    ]);
  });

  test("says what has no replica now", async () => {
    const view = await ask(recorded({ source: "cart", to: "gone" }), CART('["/carts/*"]'));
    expect(view).toMatchObject({ replayed: 0, flips: [] });
    expect(view.notes).toContain("shop/gone: 10 requests to what has no replica now");
  });

  test("tells as many as were asked for, and nothing of namespaces that may not be seen", async () => {
    const store = recorded(...SEEN);
    const few = await ask(store, CART('["/none"]'), { limit: 1 });
    expect([few.flips.length, few.flips[0]?.count, few.more.flips, few.newlyDenied]).toEqual([1, 10, 1, 17]);
    const none = await ask(store, CART('["/none"]'), { isSeen: () => false });
    expect(none).toMatchObject({ flips: [], newlyDenied: 17, more: { flips: 0, hidden: 3 } });
  });
});

test("the guard refuses what would be denied, and what cannot be known unless that is allowed", async () => {
  const store = recorded(...SEEN);
  const denied = await ask(store, CART('["/carts/*"]'));
  expect(guardProblems(denied, "undecided").map(({ code }) => code)).toEqual(["HDL_POLICY_GUARD", "HDL_POLICY_GUARD"]);
  expect(guardProblems(denied, "nothing")[1]?.message).toContain("shop/checkout → shop/cart GET /carts/{*} (7 times");
  const undecided = await ask(recorded(SEEN[0]), CART('["/carts/7"]'));
  expect(guardProblems(undecided, "undecided")).toEqual([]);
  expect(guardProblems(undecided, "nothing").map(({ code }) => code)).toEqual(
    Array.from({ length: 2 }, () => "HDL_POLICY_GUARD_UNDECIDED"),
  );
});

test("what was decided is told with what was not recorded of it", async () => {
  const store = recorded(...SEEN, { source: "-", to: "lb", token: "verified", issuer: "https://login" });
  const asked = {
    ...SPAN,
    source: undefined,
    destination: undefined,
    verdict: undefined,
    limit: 2,
    isSeen: () => true,
  };
  const view = await decisionsView(store, asked);
  expect(view).toMatchObject({ more: 3, unrecorded: 2, recordedFromMs: NOW - DAY_MS });
  expect(view.decisions[0]?.notRecorded).toEqual([
    "source.ip",
    "destination.ip",
    "connection.sni",
    "remote.ip",
    "request.headers",
    "request.path",
  ]);
  const lb = await decisionsView(store, { ...asked, destination: "lb" });
  expect(lb.decisions).toMatchObject([
    {
      address: "192.0.2.7",
      notRecorded: ["destination.ip", "connection.sni", "remote.ip", "request.headers", "request.auth.claims"],
    },
  ]);
  expect((await decisionsView(store, { ...asked, isSeen: () => false })).decisions).toEqual([]);
});
