import { describe, expect, test } from "bun:test";
import type { FakeFault, FakeMesh } from "../../test/fakes/call-tree.ts";
import { accuracy, diagnose } from "../../test/fakes/diagnosis-trials.ts";
import type { AgentNote } from "./index.ts";

const MESH: FakeMesh = {
  edge: { role: "gateway", ownMs: 0, calls: [[{ to: "front" }]] },
  front: { ownMs: 3, replicas: 2, calls: [[{ to: "orders" }], [{ to: "extra", chance: 0.5 }]] },
  orders: { ownMs: 5, replicas: 3, versions: ["v1", "v1", "v2"], calls: [[{ to: "stock" }]] },
  stock: { ownMs: 6, replicas: 3 },
  extra: { ownMs: 2 },
};
const REPLICAS = new Map(
  Object.entries(MESH).map(([name, { replicas = 1 }]) => [
    `shop/${name}`,
    Array.from({ length: replicas }, (_, index) => ({ instance: `${name}-${index + 1}`, ready: true })),
  ]),
);
const trials = (fault: FakeFault) =>
  Array.from({ length: 20 }, (_, seed) => ({ mesh: MESH, entry: "edge", seed, fault, replicas: REPLICAS }));

describe("what is named", () => {
  test.each<[FakeFault, string, string]>([
    [{ kind: "slow-version", hop: "orders", version: "v1", ms: 60 }, "shop/orders@v1", "bad-version"],
    [{ kind: "slow-version", hop: "orders", version: "v2", ms: 120 }, "shop/orders@v2", "bad-version"],
    [{ kind: "failing-version", hop: "orders", version: "v2", rate: 0.5 }, "shop/orders@v2", "bad-version"],
    [{ kind: "slow-replica", hop: "orders-1", ms: 150 }, "orders-1", "bad-replica"],
    [{ kind: "skewed", hop: "stock", ms: 60 }, "shop/stock", "skewed-balancing"],
    [{ kind: "repeated-calls", hop: "orders → stock", times: 3, ms: 40 }, "shop/orders", "retry-storm"],
    [{ kind: "crowd", hop: "stock", times: 3, ms: 60 }, "shop/stock", "overload"],
    [{ kind: "leaving", hop: "front", rate: 0.4 }, "external", "client"],
    [{ kind: "no-endpoint", hop: "orders" }, "shop/orders", "discovery"],
  ])("of %j", (fault, hop, cause) => {
    expect(accuracy(trials(fault), { hop, cause })).toBeGreaterThanOrEqual(0.95);
  });

  test("is the app, when its replicas are there and none answers its readiness check", () => {
    const fault = { kind: "no-endpoint", hop: "stock" } as const;
    const unready = (REPLICAS.get("shop/stock") ?? []).map((each) => ({ ...each, ready: false }));
    const replicas = new Map([...REPLICAS, ["shop/stock", unready] as const]);
    const [first] = diagnose({ mesh: MESH, entry: "edge", seed: 1, fault, replicas }).culprits;
    expect(first).toMatchObject({ hop: "shop/stock", cause: "application" });
    expect(first?.evidence.join()).toContain("answers its readiness check");
  });
});

const lateIn = (instances: readonly string[], seconds: number): readonly AgentNote[] =>
  instances.flatMap((instance) =>
    Array.from({ length: seconds }, (_, second) => ({
      atMs: 30_000 + second * 1000,
      instance,
      kind: "agent-late" as const,
    })),
  );

describe("an agent that says that it was late", () => {
  const fault = { kind: "network-delay", hop: "front → orders", ms: 60 } as const;
  const orders = ["orders-1", "orders-2", "orders-3"];
  const cases = { mesh: MESH, entry: "edge", fault, replicas: REPLICAS, seed: 2 };

  test("is to blame for the way to it", () => {
    const report = diagnose({ ...cases, notes: { before: [], now: lateIn(orders, 25) } });
    expect(report.culprits[0]).toMatchObject({ hop: "shop/orders", cause: "proxy" });
  });

  test.each([
    ["only now and then", [], lateIn(orders, 5)],
    ["as before", lateIn(orders, 25), lateIn(orders, 25)],
    ["as one of three", [], lateIn(orders.slice(1, 2), 25)],
    [
      "as all agents are",
      [],
      lateIn(
        [...REPLICAS.values()].flat().map(({ instance }) => instance),
        25,
      ),
    ],
  ])("is not, when it is late %s", (_, before, now) => {
    expect(diagnose({ ...cases, notes: { before, now } }).culprits[0]).toMatchObject({ cause: "network" });
  });
});
