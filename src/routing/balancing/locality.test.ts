import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../test/fakes/random.ts";
import {
  Balancer,
  type BalancerSettings,
  type Locality,
  type LocalitySettings,
  OUTLIER_DEFAULTS,
  RING_HASH,
  type Weighted,
  xxHash64,
} from "../index.ts";

const place = (path: string): Locality => {
  const [region = "", zone = "", subZone = ""] = path.split("/");
  return { region, zone, subZone };
};

/** Endpoints named by where they are: `eu/a/1`, or `eu/a/1#2` for another one there. */
const at = (path: string, more: Partial<Weighted> = {}): Weighted => ({
  instance: path,
  weight: 1,
  locality: place(path.split("#")[0]!),
  ...more,
});

function balancerOf(endpoints: readonly Weighted[], settings: Partial<BalancerSettings>) {
  const balancer = new Balancer<Weighted>(seededRandom(11).next, {
    policy: { kind: "random" },
    outlierDetection: OUTLIER_DEFAULTS,
    ...settings,
  });
  balancer.update(endpoints);
  return balancer;
}

function spread(balancer: Balancer<Weighted>, requests = 2000): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let request = 0; request < requests; request++) {
    const instance = balancer.select(0)?.endpoint.instance ?? "nobody";
    counts[instance] = (counts[instance] ?? 0) + 1;
  }
  return counts;
}

const own = place("eu/a/1");
const ANYWHERE = ["eu/a/1", "eu/a/2", "eu/b/1", "us/a/1", "asia/a/1"];

describe("failover", () => {
  const order = (settings: LocalitySettings, endpoints: readonly Weighted[]): readonly string[] => {
    const balancer = balancerOf(endpoints, { locality: settings });
    return endpoints.map(() => {
      const here = Object.keys(spread(balancer, 300)).sort();
      for (const candidate of balancer.candidates) {
        if (here.includes(candidate.endpoint.instance)) candidate.connectFailed(0);
      }
      return here.join(" ");
    });
  };

  test("sub-zone, zone and region come before what is elsewhere", () => {
    const found = order(
      { own },
      ANYWHERE.map((path) => at(path)),
    );
    expect(found.slice(0, 4)).toEqual(["eu/a/1", "eu/a/2", "eu/b/1", "asia/a/1 us/a/1"]);
  });

  test("a rule names the region to go to first", () => {
    const failover = [{ from: "eu", to: "us" }];
    const found = order(
      { own, failover },
      ANYWHERE.map((path) => at(path)),
    );
    expect(found).toEqual(["eu/a/1", "eu/a/2", "eu/b/1", "us/a/1", "asia/a/1"]);
  });

  test("a rule for another region changes nothing", () => {
    const failover = [{ from: "us", to: "eu" }];
    const found = order(
      { own, failover },
      ANYWHERE.map((path) => at(path)),
    );
    expect(found[3]).toBe("asia/a/1 us/a/1");
  });

  test("a priority of the service comes before localities", () => {
    const endpoints = [at("eu/a/1", { priority: 1 }), at("us/a/1"), at("eu/b/1")];
    expect(order({ own }, endpoints)).toEqual(["eu/b/1", "us/a/1", "eu/a/1"]);
  });

  test("without outlier detection all places are alike, but priorities hold", () => {
    const endpoints = ANYWHERE.map((path) => at(path));
    const alike = balancerOf(endpoints, { locality: { own }, outlierDetection: undefined });
    expect(Object.keys(spread(alike)).sort()).toEqual([...ANYWHERE].sort());
    const last = [...endpoints.slice(1), at("eu/a/1", { priority: 3 })];
    expect(spread(balancerOf(last, { outlierDetection: undefined }))["eu/a/1"]).toBeUndefined();
  });

  test("a retry may go to another level before it goes to the same endpoint", () => {
    const balancer = balancerOf([at("eu/a/1"), at("us/a/1")], { locality: { own } });
    const [here, there] = balancer.candidates;
    expect(balancer.select(0)).toBe(here);
    expect(balancer.select(0, { avoid: here })).toBe(there);
  });

  test("traffic spills over as a level's health falls", () => {
    const here = Array.from({ length: 10 }, (_, index) => at(`eu/a/1#${index}`));
    const balancer = balancerOf([...here, at("us/a/1"), at("us/a/1#2")], { locality: { own } });
    const abroad = (): number => {
      const counts = spread(balancer, 4000);
      return ((counts["us/a/1"] ?? 0) + (counts["us/a/1#2"] ?? 0)) / 4000;
    };
    const found = here.map((_, index) => {
      balancer.candidates[index]!.connectFailed(0);
      return abroad();
    });
    const want = [0, 0, 0.02, 0.16, 0.3, 0.44, 0.58, 0.72, 0.86, 1];
    for (const [index, share] of found.entries()) expect(Math.abs(share - want[index]!)).toBeLessThan(0.03);
  });

  test("a key that spills over does so every time", () => {
    const endpoints = [at("eu/a/1"), at("eu/a/1#2"), at("us/a/1")];
    const balancer = balancerOf(endpoints, { policy: RING_HASH, locality: { own } });
    balancer.candidates[0]!.connectFailed(0);
    const select = (key: number) => balancer.select(0, { hash: xxHash64(`k${key}`) })!.endpoint.instance;
    const first = Array.from({ length: 1000 }, (_, key) => select(key));
    expect(Array.from({ length: 1000 }, (_, key) => select(key))).toEqual(first);
    expect(Math.abs(first.filter((instance) => instance === "us/a/1").length - 300)).toBeLessThan(60);
  });
});

describe("distribution", () => {
  const endpoints = [at("eu/a/1"), at("eu/b/1"), at("eu/b/2"), at("us/a/1"), at("asia/a/1")];

  test.each<[string, LocalitySettings["distribute"], Record<string, number>]>([
    [
      "by zone",
      [{ from: "eu/a/*", to: { "eu/a/*": 80, "eu/b/*": 20 } }],
      { "eu/a/1": 0.8, "eu/b/1": 0.1, "eu/b/2": 0.1 },
    ],
    ["by region", [{ from: "eu", to: { us: 70, "asia/*": 30 } }], { "us/a/1": 0.7, "asia/a/1": 0.3 }],
    [
      "the first rule that fits",
      [
        { from: "us/*", to: { "us/*": 100 } },
        { from: "*", to: { "eu/a/1": 50, "*": 50 } },
        { from: "eu/a/1", to: { "us/*": 100 } },
      ],
      { "eu/a/1": 0.5, "eu/b/1": 0.125, "eu/b/2": 0.125, "us/a/1": 0.125, "asia/a/1": 0.125 },
    ],
    [
      "for others: all places are alike",
      [{ from: "us/*", to: { "us/*": 100 } }],
      { "eu/a/1": 0.2, "eu/b/1": 0.2, "eu/b/2": 0.2, "us/a/1": 0.2, "asia/a/1": 0.2 },
    ],
    ["to nowhere", [{ from: "eu", to: { "mars/*": 100 } }], { nobody: 1 }],
  ])("%s", (_, distribute, want) => {
    for (const outlierDetection of [undefined, OUTLIER_DEFAULTS]) {
      const counts = spread(
        balancerOf(endpoints, { locality: { own, distribute: distribute! }, outlierDetection }),
        4000,
      );
      expect(Object.keys(counts).sort()).toEqual(Object.keys(want).sort());
      for (const [instance, share] of Object.entries(want)) {
        expect(Math.abs(counts[instance]! / 4000 - share)).toBeLessThan(0.03);
      }
    }
  });

  test("a locality that is half down gets less, by 1.4 times what is left", () => {
    const distribute = [{ from: "*", to: { "eu/*": 50, "us/*": 50 } }];
    const some = [at("eu/a/1"), at("eu/a/1#2"), at("us/a/1"), at("us/a/1#2")];
    const balancer = balancerOf(some, { locality: { own, distribute } });
    balancer.candidates[3]!.connectFailed(0);
    const counts = spread(balancer, 4000);
    expect(Math.abs(counts["us/a/1"]! / 4000 - 0.7 / 1.7)).toBeLessThan(0.03);
  });
});
