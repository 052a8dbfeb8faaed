import { describe, expect, test } from "bun:test";
import type { EdgeView, GraphView, NodeView } from "../../api-client/shapes.ts";
import { edgeState, nodeHealth, nodeSignals } from "./signals.ts";

const edge = (changes: Partial<EdgeView> = {}): EdgeView => ({
  source: "shop/cart",
  destination: "shop/payments",
  mtls: true,
  requests: 100,
  requestsPerSecond: 10,
  successRate: 1,
  fromSource: { p50Ms: 5, p99Ms: 20 },
  fromDestination: { p50Ms: 4, p99Ms: 18 },
  denied: 0,
  denyPolicies: [],
  ...changes,
});

const graph = (edges: EdgeView[]): GraphView => ({ generatedAtMs: 0, windowMs: 10_000, nodes: [], edges });

const node = (ready: readonly boolean[]): NodeView => ({
  id: "shop/payments",
  namespace: "shop",
  name: "payments",
  role: "service",
  replicas: ready.map((each, index) => ({ instance: `payments-${index}`, ready: each, svidNotAfterMs: 0 })),
});

test.each([
  ["good", {}],
  ["idle", { requests: 0, successRate: null }],
  ["warn", { successRate: 0.98 }],
  ["bad", { successRate: 0.9 }],
  ["warn", { fromSource: { p50Ms: 5, p99Ms: 300 } }],
  ["bad", { fromSource: null, fromDestination: { p50Ms: 5, p99Ms: 1_200 } }],
  ["denied", { denied: 100, successRate: 0 }],
  ["good", { denied: 40, successRate: 0.6 }],
  ["bad", { denied: 40, successRate: 0.4 }],
] as const)("an edge is %s", (state, changes) => {
  expect(edgeState(edge(changes))).toBe(state);
});

describe("a service", () => {
  test("is known by the calls to it, medians weighted by requests, the 99th by the worst caller", () => {
    const edges = [edge(), edge({ source: "shop/web", requests: 300, fromSource: { p50Ms: 9, p99Ms: 80 } })];
    expect(nodeSignals(graph(edges), "shop/payments")).toEqual({
      perSecond: 20,
      successRate: 1,
      latency: { p50Ms: 8, p99Ms: 80 },
    });
  });

  test("is known by the calls it makes when nobody calls it", () => {
    expect(nodeSignals(graph([edge()]), "shop/cart").perSecond).toBe(10);
  });

  test("is not blamed for what policy denied", () => {
    const edges = [edge(), edge({ source: "shop/web", denied: 100, successRate: 0 })];
    expect(nodeSignals(graph(edges), "shop/payments").successRate).toBe(1);
  });

  test("that nobody called has no signals", () => {
    expect(nodeSignals(graph([]), "shop/payments")).toEqual({
      perSecond: 0,
      successRate: undefined,
      latency: undefined,
    });
  });

  test.each([
    ["good", [true, true]],
    ["warn", [true, false]],
    ["bad", [false, false]],
  ] as const)("is %s by its replicas", (health, ready) => {
    expect(nodeHealth(node(ready), nodeSignals(graph([edge()]), "shop/payments"))).toBe(health);
  });
});
