import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../test/fakes/random.ts";
import { Balancer, type BalancerSettings, type LoadBalancing, type Weighted } from "../index.ts";

function balancerOf(settings: BalancerSettings, instances: readonly string[]) {
  const balancer = new Balancer<Weighted>(seededRandom(7).next, settings);
  balancer.update(instances.map((instance) => ({ instance, weight: 1 })));
  return balancer;
}

function spread(balancer: Balancer<Weighted>, requests: number, nowMs: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let request = 0; request < requests; request++) {
    const { instance } = balancer.select(nowMs)!.endpoint;
    counts[instance] = (counts[instance] ?? 0) + 1;
  }
  return counts;
}

describe("slow start", () => {
  const shareOfNew = (policy: LoadBalancing, warmup: BalancerSettings["warmup"], ageMs: number): number => {
    const balancer = balancerOf({ policy, warmup }, ["old"]);
    balancer.select(0);
    balancer.update([
      { instance: "old", weight: 1 },
      { instance: "new", weight: 1 },
    ]);
    spread(balancer, 1, 100_000);
    const counts = spread(balancer, 5000, 100_000 + ageMs);
    return (counts["new"] ?? 0) / counts["old"]!;
  };
  const minute = { durationMs: 60_000 };

  test.each([
    [0, 0.1],
    [3000, 0.1],
    [15_000, 0.25],
    [30_000, 0.5],
    [59_900, 1],
    [90_000, 1],
  ])("%p ms after it came an endpoint has %p of its weight", (ageMs, share) => {
    for (const kind of ["round-robin", "random", "least-request"] as const) {
      expect(Math.abs(shareOfNew({ kind }, minute, ageMs) - share)).toBeLessThan(0.07);
    }
  });

  test("minimum and curve can be chosen", () => {
    const { kind } = { kind: "round-robin" } as const;
    expect(Math.abs(shareOfNew({ kind }, { ...minute, minimumPercent: 40 }, 1000) - 0.4)).toBeLessThan(0.02);
    expect(Math.abs(shareOfNew({ kind }, { ...minute, aggression: 2 }, 15_000) - 0.5)).toBeLessThan(0.02);
  });
});
