/** What ring hash and Maglev are for: keys stay where they are. */
import { describe, expect, test } from "bun:test";
import { balancerOf, host, ring } from "../../../test/fakes/hashed-endpoints.ts";
import { type Balancer, MAGLEV, RING_HASH, type Weighted, xxHash64 } from "../index.ts";

describe.each([
  // Those who stay get more places on a ring of the same size, as in Envoy, and with them keys of each other.
  ["ring hash", { policy: RING_HASH }, { spread: 1.6, moved: 0.2 }],
  ["a large ring", ring(16_384), { spread: 1.2, moved: 0.2 }],
  ["Maglev", { policy: MAGLEV }, { spread: 1.2, moved: 0.13 }],
] as const)("%s", (_, settings, bounds) => {
  const endpoints = Array.from({ length: 10 }, (_, index) => host(8000 + index));
  const keys = Array.from({ length: 5000 }, (_, index) => xxHash64(`user-${index}`));
  const assign = (balancer: Balancer<Weighted>): readonly (string | undefined)[] =>
    keys.map((hash) => balancer.select(0, { hash })?.endpoint.instance);

  test("keys are spread over all", () => {
    const balancer = balancerOf(settings, endpoints);
    const counts = new Map<string | undefined, number>();
    for (const instance of assign(balancer)) counts.set(instance, (counts.get(instance) ?? 0) + 1);
    for (const { instance } of endpoints) expect(counts.get(instance)).toBeLessThan(500 * bounds.spread);
    for (const { instance } of endpoints) expect(counts.get(instance)).toBeGreaterThan(500 / bounds.spread);
  });

  test("when one of ten goes, hardly more than its own keys move", () => {
    const balancer = balancerOf(settings, endpoints);
    const before = assign(balancer);
    balancer.update(endpoints.slice(1));
    const after = assign(balancer);
    const moved = before.filter((instance, index) => instance !== after[index]).length;
    expect(moved).toBeLessThan(5000 * bounds.moved);
  });

  test("while one is out, exactly its own keys move, and they are spread", () => {
    const balancer = balancerOf(settings, endpoints);
    const before = assign(balancer);
    balancer.candidates[3]!.connectFailed(0);
    const after = assign(balancer);
    const out = endpoints[3]!.instance;
    before.forEach((instance, index) => {
      if (instance === out) expect(after[index]).not.toBe(out);
      else expect(after[index]).toBe(instance);
    });
    expect(new Set(after.filter((_, index) => before[index] === out)).size).toBeGreaterThan(6);
    balancer.candidates[3]!.connected();
    expect(assign(balancer)).toEqual(before);
  });

  test("without a key, chance spreads them", () => {
    const balancer = balancerOf(settings, endpoints);
    const seen = new Set(Array.from({ length: 300 }, () => balancer.select(0)?.endpoint.instance));
    expect(seen.size).toBe(10);
  });
});
