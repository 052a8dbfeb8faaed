import { expect, test } from "bun:test";
import { seededRandom } from "../../test/fakes/random.ts";
import { Balancer, type Weighted } from "./index.ts";

function balancerOf(...endpoints: Weighted[]) {
  const balancer = new Balancer<Weighted>(seededRandom(3).next);
  balancer.update(endpoints);
  return balancer;
}

const endpoint = (instance: string, weight = 1): Weighted => ({ instance, weight });

/** Counts who is chosen in many requests that all stay in flight, or all end at once. */
function spread(balancer: Balancer<Weighted>, requests: number, stayInFlight: boolean): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let request = 0; request < requests; request++) {
    const chosen = balancer.select(0)!;
    counts[chosen.endpoint.instance] = (counts[chosen.endpoint.instance] ?? 0) + 1;
    if (stayInFlight) chosen.inFlight++;
  }
  return counts;
}

test("without endpoints there is nothing to select", () => {
  expect(balancerOf().select(0)).toBeUndefined();
});

test("a single endpoint is selected, even one to avoid", () => {
  const balancer = balancerOf(endpoint("a"));
  expect(balancer.select(0, balancer.candidates[0])?.endpoint.instance).toBe("a");
});

test("requests in flight are spread evenly", () => {
  const counts = spread(balancerOf(endpoint("a"), endpoint("b"), endpoint("c")), 300, true);
  for (const count of Object.values(counts)) expect(Math.abs(count - 100)).toBeLessThanOrEqual(3);
});

test("idle endpoints all get their share", () => {
  const counts = spread(balancerOf(endpoint("a"), endpoint("b"), endpoint("c")), 3000, false);
  for (const count of Object.values(counts)) expect(Math.abs(count - 1000)).toBeLessThan(150);
});

test("weights shift the share of requests in flight", () => {
  const counts = spread(balancerOf(endpoint("a", 3), endpoint("b", 1)), 400, true);
  expect(counts["a"]).toBeGreaterThan(290);
});

test("a busy endpoint is passed over", () => {
  const balancer = balancerOf(endpoint("a"), endpoint("b"));
  balancer.candidates[0]!.inFlight = 5;
  expect(spread(balancer, 50, false)).toEqual({ b: 50 });
});

test("an endpoint that cannot be connected to is put aside, longer each time, and comes back", () => {
  const balancer = balancerOf(endpoint("a"), endpoint("b"));
  const [a] = balancer.candidates;
  a!.connectFailed(0);
  expect([a!.isAside(249), a!.isAside(250)]).toEqual([true, false]);
  a!.connectFailed(250);
  expect([a!.isAside(749), a!.isAside(750)]).toEqual([true, false]);
  for (let failure = 0; failure < 20; failure++) a!.connectFailed(1000);
  expect([a!.isAside(10_999), a!.isAside(11_000)]).toEqual([true, false]);
  a!.connected();
  expect(a!.isAside(1001)).toBe(false);
});

test("while all are aside, all are candidates", () => {
  const balancer = balancerOf(endpoint("a"), endpoint("b"));
  for (const candidate of balancer.candidates) candidate.connectFailed(0);
  expect(balancer.select(1)).toBeDefined();
});

test("a retry goes elsewhere, even to the busier one", () => {
  const balancer = balancerOf(endpoint("a"), endpoint("b"));
  const [a, b] = balancer.candidates;
  b!.inFlight = 9;
  for (let turn = 0; turn < 20; turn++) expect(balancer.select(0, a)).toBe(b);
});

test("an update keeps what is known of endpoints that stay", () => {
  const balancer = balancerOf(endpoint("a"), endpoint("b"));
  balancer.candidates[1]!.inFlight = 4;
  balancer.update([endpoint("b", 2), endpoint("c")]);
  expect(balancer.candidates.map((each) => [each.endpoint.instance, each.endpoint.weight, each.inFlight])).toEqual([
    ["b", 2, 4],
    ["c", 1, 0],
  ]);
});
