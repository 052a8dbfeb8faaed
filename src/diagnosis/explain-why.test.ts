import { describe, expect, test } from "bun:test";
import type { FakeFault, FakeMesh, FakeTraffic } from "../../test/fakes/call-tree.ts";
import { accuracy, diagnose } from "../../test/fakes/diagnosis-trials.ts";

const SHOP: FakeMesh = {
  edge: { role: "gateway", ownMs: 0, calls: [[{ to: "lb" }]] },
  lb: { role: "load-balancer", ownMs: 0.5, calls: [[{ to: "storefront" }]] },
  storefront: {
    ownMs: 4,
    replicas: 2,
    calls: [
      [{ to: "catalog" }, { to: "recommendations", chance: 0.6 }],
      [{ to: "cart", chance: 0.7 }],
      [{ to: "checkout", chance: 0.4 }],
    ],
  },
  catalog: { ownMs: 2 },
  cart: { ownMs: 2 },
  recommendations: { ownMs: 3 },
  checkout: { ownMs: 3, calls: [[{ to: "payments" }], [{ to: "inventory" }]] },
  payments: { ownMs: 4 },
  inventory: { ownMs: 2, replicas: 2 },
};
const CHAIN: FakeMesh = {
  lb: { role: "load-balancer", ownMs: 0.3, calls: [[{ to: "a" }]] },
  a: { ownMs: 2, replicas: 3, calls: [[{ to: "b" }]] },
  b: { ownMs: 2, replicas: 2, calls: [[{ to: "c" }]] },
  c: { ownMs: 2, replicas: 3 },
};
const FAN: FakeMesh = {
  lb: { role: "load-balancer", ownMs: 0.3, calls: [[{ to: "front" }]] },
  front: { ownMs: 3, calls: [[{ to: "x" }, { to: "y" }, { to: "z" }]] },
  x: { ownMs: 4, replicas: 2 },
  y: { ownMs: 4, replicas: 2 },
  z: { ownMs: 4, replicas: 2, calls: [[{ to: "deep" }]] },
  deep: { ownMs: 1 },
};
const TOPOLOGIES = [
  {
    name: "shop",
    mesh: SHOP,
    entry: "edge",
    service: "checkout",
    replica: "inventory-2",
    leaf: "catalog",
    way: "storefront → checkout",
    balancer: "lb",
  },
  { name: "chain", mesh: CHAIN, entry: "lb", service: "b", replica: "c-3", leaf: "c", way: "a → b", balancer: "lb" },
  { name: "fan", mesh: FAN, entry: "lb", service: "x", replica: "y-1", leaf: "deep", way: "z → deep", balancer: "lb" },
] as const;

const way = (pair: string): string =>
  pair
    .split(" → ")
    .map((node) => `shop/${node}`)
    .join(" → ");

const CONDITIONS: readonly (readonly [string, Partial<FakeTraffic>])[] = [
  ["alone", {}],
  ["with much noise", { noise: 0.9 }],
  ["on a busier host", { inflation: 1.6 }],
  ["with half of the traces", { sampling: 0.5, requests: 300 }],
  ["with lost samples", { loss: 0.02 }],
];

for (const { name, mesh, entry, service, replica, leaf, way: pair, balancer } of TOPOLOGIES) {
  const cases: readonly (readonly [FakeFault, string, string])[] = [
    [{ kind: "slow-service", hop: service, ms: 60 }, `shop/${service}`, "application"],
    [{ kind: "slow-service", hop: leaf, ms: 40 }, `shop/${leaf}`, "application"],
    [{ kind: "failing-replica", hop: replica, rate: 0.8 }, replica, "bad-replica"],
    [{ kind: "slow-replica", hop: replica, ms: 150 }, replica, "bad-replica"],
    [{ kind: "failing-service", hop: leaf, rate: 0.4 }, `shop/${leaf}`, "application"],
    [{ kind: "slow-service", hop: balancer, ms: 60 }, `shop/${balancer}`, "load-balancer"],
    [{ kind: "failing-service", hop: balancer, rate: 0.3 }, `shop/${balancer}`, "load-balancer"],
    [{ kind: "network-delay", hop: pair, ms: 50 }, way(pair), "network"],
    [{ kind: "lost-on-the-way", hop: pair, rate: 0.5 }, way(pair), "network"],
    [{ kind: "denied", hop: leaf }, `shop/${leaf}`, "policy-denial"],
  ];
  const conditions = mesh === SHOP ? CONDITIONS : CONDITIONS.slice(0, 2);
  describe(`in the ${name} topology`, () => {
    for (const [fault, hop, cause] of cases)
      for (const [condition, traffic] of conditions)
        test(`${fault.kind} at ${fault.hop} is named, ${condition}`, () => {
          const trials = Array.from({ length: 20 }, (_, seed) => ({ mesh, entry, seed, fault, ...traffic }));
          expect(accuracy(trials, { hop, cause })).toBeGreaterThanOrEqual(0.95);
        });
    for (const [condition, traffic] of conditions)
      test(`nobody is blamed in calm, ${condition}`, () => {
        const reports = Array.from({ length: 40 }, (_, seed) => diagnose({ mesh, entry, seed, ...traffic }));
        const blamed = reports.filter((report) => report.culprits.length > 0);
        if (blamed.length > 0) console.error(blamed.map((each) => each.summary));
        expect(blamed.length / reports.length).toBeLessThanOrEqual(0.05);
      });
  });
}

const ENTRY = { mesh: SHOP, entry: "edge" } as const;

test("programs that do not forward trace context still get an answer, from the counters", () => {
  const fault: FakeFault = { kind: "slow-service", hop: "payments", ms: 80 };
  const trials = Array.from({ length: 20 }, (_, seed) => ({ ...ENTRY, seed, fault, isForwarding: false }));
  expect(accuracy(trials, { hop: "shop/payments", cause: "application" })).toBeGreaterThanOrEqual(0.95);
});

test("a service asked about is seen with the balancer in front of it", () => {
  const report = diagnose({ ...ENTRY, entry: "storefront", seed: 1 });
  expect(report.hops.map((each) => each.hop)).toContain("shop/storefront");
});

test("few requests give no verdict", () => {
  expect(diagnose({ ...ENTRY, seed: 1, requests: 4 })).toMatchObject({ status: "insufficient-data", culprits: [] });
});

test("a host that slows everything down alike is told from a culprit", () => {
  const report = diagnose({ ...ENTRY, seed: 3, inflation: 4, noise: 0.3 });
  expect(report.culprits.map((each) => each.cause)).toEqual(["host-contention"]);
});

test("the parts of the entry's time add up to the whole", () => {
  const report = diagnose({ ...ENTRY, seed: 5 });
  const sum = report.hops.reduce((total, each) => total + each.currentMs, 0);
  expect(sum / report.latency.currentMs).toBeCloseTo(1, 2);
});
