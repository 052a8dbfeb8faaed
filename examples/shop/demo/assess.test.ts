import { describe, expect, test } from "bun:test";
import { assess, type Evidence, holds } from "./assess.ts";
import type { EdgeSeen, Why } from "./observer.ts";

const LATENCY = { p50Ms: 2, p99Ms: 9 };
const EDGE: EdgeSeen = {
  source: "shop/edge",
  destination: "shop/lb",
  mtls: true,
  requests: 900,
  successRate: 1,
  fromSource: LATENCY,
  fromDestination: LATENCY,
  denied: 0,
  denyPolicies: [],
};
const DENIED: EdgeSeen = {
  ...EDGE,
  source: "shop/recommendations",
  destination: "shop/payments",
  successRate: 0,
  denied: 30,
  denyPolicies: ["AuthorizationPolicy/shop/payments-callers"],
};
const CAUSES = [
  { hop: "shop/catalog", cause: "application" },
  { hop: "inventory-2", cause: "bad-replica" },
  { hop: "shop/lb", cause: "load-balancer" },
];

function named(hop: string, cause: string): Why {
  return { status: "culprit", summary: `it is ${hop}`, culprits: [{ hop, cause, summary: "", evidence: [] }] };
}

const FINE: Evidence = {
  secondsToReady: 12,
  secondsInAll: 120,
  expectedEdges: [EDGE, DENIED],
  calm: {
    graph: {
      nodes: [{ id: "outside", role: "external" }],
      edges: [EDGE, DENIED, { ...EDGE, source: "outside", mtls: false }],
    },
    shopper: { requests: 1000, failed: 0, requestsPerSecond: 33, p50Ms: 8, p99Ms: 30, failures: [] },
  },
  attempts: ["plaintext", "no-certificate", "wrong-identity"].map((name) => ({
    name,
    refused: true,
    detail: "closed",
  })),
  workloads: [{ namespace: "shop", instance: "lb", rotations: 3, svidNotAfterMs: 0 }],
  expectedWorkloads: ["shop/lb"],
  faults: CAUSES.map((injected) => ({ injected, why: named(injected.hop, injected.cause), answeredAfterMs: 9000 })),
};

const failing = (change: Partial<Evidence>): readonly string[] =>
  assess({ ...FINE, ...change })
    .assertions.filter(({ ok }) => !ok)
    .map(({ name }) => name);

const calm = (edges: readonly EdgeSeen[], shopper = FINE.calm.shopper): Partial<Evidence> => ({
  calm: { graph: { nodes: [], edges }, shopper },
});

describe("the report of a run", () => {
  test("holds when all was as it should be, and leaves out what is not in the mesh", () => {
    const report = assess(FINE);
    expect(holds(report)).toBe(true);
    expect(report.edges.map(({ source }) => source)).toEqual(["shop/edge", "shop/recommendations"]);
    expect(report.denials).toEqual([
      {
        source: "shop/recommendations",
        destination: "shop/payments",
        policy: "AuthorizationPolicy/shop/payments-callers",
      },
    ]);
  });

  test.each([
    [
      "an edge in plain text",
      calm([{ ...EDGE, mtls: false }, DENIED]),
      "every edge is mutual TLS with figures from both reporters",
    ],
    [
      "an edge that only one side saw",
      calm([{ ...EDGE, fromDestination: null }, DENIED]),
      "every edge is mutual TLS with figures from both reporters",
    ],
    ["a call that failed", calm([{ ...EDGE, successRate: 0.99 }, DENIED]), "no allowed call failed in calm"],
    ["a call that was never made", calm([DENIED]), "every declared call was seen"],
    [
      "a denial without a policy",
      calm([EDGE, { ...DENIED, denyPolicies: ["default-deny"] }]),
      "an unauthorized call was denied by a policy that is named",
    ],
    [
      "a request that failed",
      calm([EDGE, DENIED], { ...FINE.calm.shopper, failed: 1 }),
      "no request of the shopper failed meanwhile",
    ],
    [
      "a workload without rotation",
      { expectedWorkloads: ["shop/lb", "shop/cart"] },
      "every workload's certificate was rotated",
    ],
    [
      "an open mesh port",
      { attempts: FINE.attempts.map((each) => ({ ...each, refused: each.name !== "plaintext" })) },
      "a plaintext connection to a mesh port was refused",
    ],
    ["an attempt not made", { attempts: FINE.attempts.slice(0, 2) }, "a connection with a wrong identity was refused"],
    ["a fault left out", { faults: FINE.faults.slice(1) }, "three faults were injected"],
    ["a slow run", { secondsInAll: 181 }, "it took under three minutes in all"],
  ])("does not hold with %s", (_name, change, want) => {
    expect(failing(change)).toContain(want);
  });

  test.each([
    ["another hop", named("shop/cart", "application")],
    ["another cause", named("shop/catalog", "network")],
    ["nothing", { status: "healthy", summary: "", culprits: [] } as Why],
    ["no answer", undefined],
  ])("does not hold when why names %s", (_name, why) => {
    const faults = FINE.faults.map((each, index) => (index === 0 ? { ...each, why } : each));
    const report = assess({ ...FINE, faults });
    expect(report.faults[0]?.correct).toBe(false);
    expect(holds(report)).toBe(false);
  });
});
