import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { seededRandom } from "../../../test/fakes/random.ts";
import {
  Balancer,
  type BalancerSettings,
  type Candidate,
  hashKeyOf,
  type LoadBalancing,
  MAGLEV,
  PEAK_EWMA,
  RING_HASH,
  type Weighted,
} from "../index.ts";

function balancerOf(settings: BalancerSettings, weights: Readonly<Record<string, number>>, seed = 7) {
  const balancer = new Balancer<Weighted>(seededRandom(seed).next, settings);
  balancer.update(Object.entries(weights).map(([instance, weight]) => ({ instance, weight })));
  return balancer;
}

function spread(balancer: Balancer<Weighted>, requests: number, nowMs = 0): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let request = 0; request < requests; request++) {
    const { instance } = balancer.select(nowMs)!.endpoint;
    counts[instance] = (counts[instance] ?? 0) + 1;
  }
  return counts;
}

const candidateOf = (balancer: Balancer<Weighted>, instance: string) =>
  balancer.candidates.find(({ endpoint }) => endpoint.instance === instance)!;

const EVENTS: readonly ((candidate: Candidate<Weighted>, nowMs: number) => void)[] = [
  (candidate, nowMs) => candidate.connectFailed(nowMs),
  (candidate) => candidate.connected(),
  (candidate, nowMs) => candidate.answered(nowMs, 200, 5),
];

const POLICIES: readonly LoadBalancing[] = [
  { kind: "least-request" },
  { kind: "round-robin" },
  { kind: "random" },
  PEAK_EWMA,
  RING_HASH,
  MAGLEV,
];

describe.each(POLICIES.map((policy) => [policy.kind, { policy }] as const))("%s", (_, settings) => {
  test("there is nothing to select without endpoints, and one alone is selected", () => {
    expect(balancerOf(settings, {}).select(0)).toBeUndefined();
    const alone = balancerOf(settings, { a: 1 });
    expect(alone.select(0, { avoid: alone.candidates[0] })?.endpoint.instance).toBe("a");
  });

  test("a retry goes elsewhere", () => {
    const balancer = balancerOf(settings, { a: 50, b: 1, c: 1 });
    const avoid = candidateOf(balancer, "a");
    for (let turn = 0; turn < 200; turn++) expect(balancer.select(0, { avoid })).not.toBe(avoid);
    for (let turn = 0; turn < 200; turn++) expect(balancer.select(0, avoid)).not.toBe(avoid);
  });

  test("who cannot be connected to gets nothing until it is back", () => {
    const balancer = balancerOf(settings, { a: 1, b: 1, c: 1 });
    candidateOf(balancer, "a").connectFailed(0);
    expect(Object.keys(spread(balancer, 300, 100)).sort()).toEqual(["b", "c"]);
    candidateOf(balancer, "a").connected();
    // It was slow to fail, which peak EWMA forgets in time.
    expect(Object.keys(spread(balancer, 3000, 120_000)).sort()).toEqual(["a", "b", "c"]);
  });

  test("when none is usable, all are candidates", () => {
    const balancer = balancerOf(settings, { a: 1, b: 1, c: 1 });
    for (const candidate of balancer.candidates) candidate.connectFailed(0);
    expect(Object.keys(spread(balancer, 300)).sort()).toEqual(["a", "b", "c"]);
    const avoid = balancer.candidates[0];
    for (let turn = 0; turn < 50; turn++) expect(balancer.select(0, { avoid })).not.toBe(avoid);
  });

  test("whatever happens, somebody usable is selected if there is one", () => {
    const steps = fc.array(fc.record({ who: fc.nat(4), what: fc.constantFrom(...EVENTS) }), { maxLength: 40 });
    fc.assert(
      fc.property(steps, (events) => {
        const balancer = balancerOf(settings, { a: 1, b: 2, c: 3, d: 1, e: 9 });
        const all = balancer.candidates.map(({ endpoint }) => endpoint);
        events.forEach(({ who, what }, index) => {
          const nowMs = index * 50;
          what(balancer.candidates[who % balancer.candidates.length]!, nowMs);
          if (index % 7 === 6) balancer.update(all.filter((_each, at) => at !== who));
          const usable = balancer.candidates.filter((each) => each.isUsable(nowMs));
          expect(usable.length === 0 ? balancer.candidates : usable).toContain(balancer.select(nowMs)!);
        });
      }),
      { numRuns: 30 },
    );
  });
});

describe("round robin", () => {
  const settings: BalancerSettings = { policy: { kind: "round-robin" } };

  test("equal endpoints take exact turns", () => {
    const balancer = balancerOf(settings, { a: 1, b: 1, c: 1 });
    const turns = Array.from({ length: 30 }, () => balancer.select(0)!.endpoint.instance);
    for (let at = 3; at < 30; at++) expect(turns[at]).toBe(turns[at - 3]!);
    expect(new Set(turns.slice(0, 3)).size).toBe(3);
  });

  test("in every stretch of requests each one has its share, to within one or two turns", () => {
    const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(weights, fc.nat(1000), fc.integer({ min: 1, max: 200 }), (each, seed, requests) => {
        const named = Object.fromEntries(each.map((weight, index) => [`e${index}`, weight]));
        const balancer = balancerOf(settings, named, seed);
        spread(balancer, seed % 50);
        const counts = spread(balancer, requests);
        const total = each.reduce((sum, weight) => sum + weight);
        for (const [instance, weight] of Object.entries(named)) {
          expect(Math.abs((counts[instance] ?? 0) - (requests * weight) / total)).toBeLessThanOrEqual(each.length);
        }
      }),
    );
  });

  test("a heavy endpoint is mixed with light ones, not served in a burst", () => {
    const balancer = balancerOf(settings, { heavy: 5, b: 1, c: 1 });
    const turns = Array.from({ length: 700 }, () => balancer.select(0)!.endpoint.instance).join(" ");
    expect(turns).not.toContain("heavy heavy heavy heavy heavy heavy");
  });

  test("who comes back does not catch up on what it missed", () => {
    const balancer = balancerOf(settings, { a: 1, b: 1 });
    candidateOf(balancer, "a").connectFailed(0);
    spread(balancer, 1000);
    candidateOf(balancer, "a").connected();
    expect(spread(balancer, 100)).toEqual({ a: 50, b: 50 });
  });
});

test("random endpoints are drawn by weight", () => {
  const counts = spread(balancerOf({ policy: { kind: "random" } }, { a: 1, b: 2, c: 7 }), 10_000);
  expect(Math.abs(counts["a"]! - 1000)).toBeLessThan(120);
  expect(Math.abs(counts["b"]! - 2000)).toBeLessThan(160);
  expect(Math.abs(counts["c"]! - 7000)).toBeLessThan(190);
});

test("idle endpoints share by weight with least request too", () => {
  const counts = spread(balancerOf({ policy: { kind: "least-request" } }, { a: 1, b: 3 }), 4000);
  expect(Math.abs(counts["b"]! - 3000)).toBeLessThan(120);
});

describe("peak EWMA", () => {
  const settings: BalancerSettings = { policy: PEAK_EWMA };

  test("the faster endpoint is preferred until it is busy", () => {
    const balancer = balancerOf(settings, { slow: 1, fast: 1 });
    candidateOf(balancer, "slow").answered(0, 200, 100);
    candidateOf(balancer, "fast").answered(0, 200, 10);
    expect(spread(balancer, 50)).toEqual({ fast: 50 });
    candidateOf(balancer, "fast").inFlight = 10;
    expect(spread(balancer, 50)).toEqual({ slow: 50 });
  });

  test("an endpoint that fails fast is shunned, and forgiven in time", () => {
    const balancer = balancerOf(settings, { good: 1, broken: 1 });
    candidateOf(balancer, "good").answered(0, 200, 20);
    candidateOf(balancer, "broken").answered(0, 503, 1);
    const [good, broken] = balancer.candidates;
    expect(broken!.costMs(0)).toBe(5000);
    for (let second = 1; second < 40; second++) {
      good!.answered(second * 1000, 200, 20);
      expect(spread(balancer, 20, second * 1000)).toEqual({ good: 20 });
    }
    good!.answered(60_000, 200, 20);
    expect(spread(balancer, 1, 60_000)).toEqual({ broken: 1 });
  });

  test("a slower answer counts at once, faster ones by and by", () => {
    const balancer = balancerOf(settings, { a: 1 });
    const [a] = balancer.candidates;
    balancer.select(0);
    expect(a!.costMs(0)).toBe(30);
    a!.answered(0, 200, 10);
    a!.answered(1000, 200, 200);
    expect(a!.costMs(1000)).toBe(200);
    a!.answered(2000, 200, 10);
    expect(a!.costMs(2000)).toBeCloseTo(200 * Math.exp(-0.1) + 10 * (1 - Math.exp(-0.1)), 6);
    expect(a!.costMs(12_000)).toBeCloseTo(a!.costMs(2000) / Math.E, 6);
  });

  test("weight divides the cost", () => {
    const balancer = balancerOf(settings, { a: 1, b: 3 });
    for (let request = 0; request < 400; request++) balancer.select(0)!.inFlight++;
    expect(Math.abs(candidateOf(balancer, "b").inFlight - 300)).toBeLessThanOrEqual(3);
  });
});

test("settings change without forgetting what is known", () => {
  const balancer = balancerOf({ policy: { kind: "round-robin" } }, { a: 1, b: 1 });
  candidateOf(balancer, "a").inFlight = 5;
  candidateOf(balancer, "a").connectFailed(0);
  balancer.configure({ policy: RING_HASH });
  expect(spread(balancer, 10, 1)).toEqual({ b: 10 });
  balancer.configure({ policy: { kind: "least-request" } });
  expect(spread(balancer, 10, 1000)).toEqual({ b: 10 });
});

test("addresses are written as Envoy writes them", () => {
  expect(hashKeyOf("10.0.0.1", 80)).toBe("10.0.0.1:80");
  expect(hashKeyOf("2001:db8::1", 80)).toBe("[2001:db8::1]:80");
});
