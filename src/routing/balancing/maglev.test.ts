/** Against the figures in Envoy's `maglev_lb_test.cc`. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { balancerOf, hash64, host, maglev, portOf, zonedHost } from "../../../test/fakes/hashed-endpoints.ts";
import type { Balancer, BalancerSettings, Weighted } from "../index.ts";

describe("Maglev", () => {
  const tableOf = (balancer: Balancer<Weighted>, size: number): readonly number[] =>
    Array.from({ length: 3 * size }, (_, hash) => portOf(balancer, BigInt(hash)));
  const thrice = (ports: readonly number[]): readonly number[] => [...ports, ...ports, ...ports];
  const six = [90, 91, 92, 93, 94, 95].map((port) => host(port));

  test("seven slots of six hosts are Envoy's, in whatever order they come", () => {
    const want = thrice([92, 94, 90, 91, 95, 90, 93]);
    expect(tableOf(balancerOf(maglev(7), six), 7)).toEqual(want);
    expect(tableOf(balancerOf(maglev(7), [...six].reverse()), 7)).toEqual(want);
  });

  test("a hash key stands for the address", () => {
    const named = six.map((endpoint, index) => ({ ...endpoint, hashKey: `9${index}` }));
    expect(tableOf(balancerOf(maglev(7), named), 7)).toEqual(thrice([92, 95, 90, 93, 94, 91, 90]));
  });

  test("weights give slots", () => {
    const want = [91, 90, 90, 91, 90, 91, 91, 90, 91, 91, 91, 91, 91, 90, 91, 90, 91];
    expect(tableOf(balancerOf(maglev(17), [host(90, 1), host(91, 2)]), 17)).toEqual(thrice(want));
  });

  test("weights of localities give slots, and a locality of none gets none", () => {
    const settings: BalancerSettings = {
      ...maglev(17),
      locality: {
        own: { region: "r", zone: "a", subZone: "" },
        distribute: [{ from: "*", to: { "r/a": 8, "r/b": 0, "r/c": 2 } }],
      },
    };
    const hosts = [zonedHost(90, "a", 1), zonedHost(91, "c", 2), zonedHost(92, "b", 3)];
    const want = [91, 90, 90, 90, 90, 90, 91, 90, 90, 91, 90, 91, 90, 90, 90, 90, 90];
    expect(tableOf(balancerOf(settings, hosts), 17)).toEqual(thrice(want));
  });

  test("a retry goes where Envoy's goes", () => {
    const balancer = balancerOf(maglev(7), six);
    expect(portOf(balancer, 10n)).toBe(91);
    const retried = balancer.select(0, { hash: hash64(10n), avoid: balancer.candidates[1] });
    expect(retried?.endpoint.instance).toBe("127.0.0.1:90");
  });

  test("a size that is no prime is refused", () => {
    expect(() => balancerOf(maglev(8), six)).toThrow(RangeError);
  });

  test("the table is full, and slots follow weights", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 }), (weights) => {
        const balancer = balancerOf(
          maglev(1009),
          weights.map((weight, index) => host(index, weight)),
        );
        const counts = weights.map(() => 0);
        for (let slot = 0n; slot < 1009n; slot++) counts[portOf(balancer, slot)]!++;
        const total = weights.reduce((sum, weight) => sum + weight);
        weights.forEach((weight, index) => {
          // Everybody has the first turn, whatever its weight.
          expect(Math.abs(counts[index]! - (1009 * weight) / total)).toBeLessThanOrEqual(weights.length);
        });
      }),
      { numRuns: 50 },
    );
  });
});
