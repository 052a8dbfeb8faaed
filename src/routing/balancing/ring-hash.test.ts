/** Against the figures in Envoy's `ring_hash_lb_test.cc`. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { balancerOf, hash64, host, portOf, ring, zonedHost } from "../../../test/fakes/hashed-endpoints.ts";
import { type Balancer, type BalancerSettings, type Weighted, xxHash64 } from "../index.ts";

const MAX = 0xffff_ffff_ffff_ffffn;

/** How many of so many hashes, evenly around the ring, meet each port. */
function countAround(balancer: Balancer<Weighted>, hashes: number): Record<number, number> {
  const counts: Record<number, number> = {};
  for (let index = 0n; index < BigInt(hashes); index++) {
    const port = portOf(balancer, index * (MAX / BigInt(hashes)));
    counts[port] = (counts[port] ?? 0) + 1;
  }
  return counts;
}

describe("ring hash", () => {
  const six = [90, 91, 92, 93, 94, 95].map((port) => host(port));
  const BASIC: readonly (readonly [number, bigint])[] = [
    [94, 833437586790550860n],
    [92, 928266305478181108n],
    [90, 1033482794131418490n],
    [95, 3551244743356806947n],
    [93, 3851675632748031481n],
    [91, 5583722120771150861n],
    [91, 6311230543546372928n],
    [93, 7700377290971790572n],
    [95, 13144177310400110813n],
    [92, 13444792449719432967n],
    [94, 15516499411664133160n],
    [90, 16117243373044804889n],
  ];

  test("twelve places of six hosts are where Envoy has them", () => {
    const balancer = balancerOf(ring(12), six);
    BASIC.forEach(([port, place], index) => {
      expect(portOf(balancer, place)).toBe(port);
      expect(portOf(balancer, place + 1n)).toBe(BASIC[(index + 1) % BASIC.length]![0]);
    });
    expect([portOf(balancer, 0n), portOf(balancer, MAX)]).toEqual([94, 94]);
  });

  test("a retry goes on to the next place", () => {
    const balancer = balancerOf(ring(12), six);
    expect(balancer.select(0, { hash: hash64(0n), avoid: balancer.candidates[4] })?.endpoint.instance).toBe(
      "127.0.0.1:92",
    );
  });

  test("a hash key stands for the address", () => {
    const named = six.map((endpoint, index) => ({ ...endpoint, hashKey: `9${index}` }));
    const balancer = balancerOf(ring(12), named);
    const places: readonly (readonly [number, bigint])[] = [
      [95, 1975508444536362413n],
      [93, 2386806903309390596n],
      [92, 7225015537174310577n],
      [93, 6803900775736438537n],
      [94, 15364271037087512980n],
    ];
    for (const [port, place] of places) expect(portOf(balancer, place)).toBe(port);
  });

  test("weights give places, in a ring of exactly six", () => {
    const balancer = balancerOf(ring(6, 6), [host(90, 1), host(91, 2), host(92, 3)]);
    const places: readonly (readonly [number, bigint])[] = [
      [92, 928266305478181108n],
      [92, 4443673547860492590n],
      [91, 5583722120771150861n],
      [91, 6311230543546372928n],
      [92, 13444792449719432967n],
      [90, 16117243373044804889n],
    ];
    for (const [port, place] of places) expect(portOf(balancer, place)).toBe(port);
  });

  test("large rings divide hashes as Envoy's do, to the last one", () => {
    const weighted = balancerOf(ring(6144), [host(90, 1), host(91, 2), host(92, 3)]);
    expect(countAround(weighted, 6000)).toEqual({ 90: 987, 91: 1932, 92: 3081 });
    const even = balancerOf(ring(1023, 1023), [host(90), host(91)]);
    expect(countAround(even, 1023)).toEqual({ 90: 526, 91: 497 });
  });

  const distribute = (to: Readonly<Record<string, number>>): BalancerSettings["locality"] => ({
    own: { region: "r", zone: "a", subZone: "" },
    distribute: [{ from: "r", to }],
  });

  test("weights of localities and of hosts multiply", () => {
    const settings = { ...ring(9216), locality: distribute({ "r/a": 1, "r/b": 2 }) };
    const hosts = [zonedHost(90, "a", 1), zonedHost(91, "a", 2), zonedHost(92, "b", 1), zonedHost(93, "b", 2)];
    expect(countAround(balancerOf(settings, hosts), 9000)).toEqual({ 90: 924, 91: 2009, 92: 2053, 93: 4014 });
  });

  test("a heavy locality with one host leaves eight of 1024 places to the others", () => {
    const settings = { ...ring(1024, 1024), locality: distribute({ "r/a": 127, "r/b": 1 }) };
    const hosts = Array.from({ length: 1024 }, (_, port) => zonedHost(port, port === 0 ? "a" : "b"));
    const balancer = balancerOf(settings, hosts);
    const places: readonly (readonly [bigint, number])[] = [
      [11664790346325243808n, 1],
      [15894554872961148518n, 128],
      [13958138884277627155n, 256],
      [15803774069438192949n, 384],
      [3829253010855396576n, 512],
      [17918147347826565154n, 640],
      [6442769608292299103n, 768],
      [5881074926069334434n, 896],
    ];
    for (const [place, port] of places) expect(portOf(balancer, place)).toBe(port);
  });

  test("places are found in order on a ring of any size", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.bigInt({ min: 0n, max: MAX }), (size, key) => {
        const hosts = [host(1), host(2), host(3)];
        const each = Math.ceil(size / 3);
        const places = hosts.flatMap((_, index) =>
          Array.from({ length: each }, (_each, at) => {
            const { high, low } = xxHash64(`127.0.0.1:${index + 1}_${at}`);
            return { place: (BigInt(high) << 32n) | BigInt(low), port: index + 1 };
          }),
        );
        places.sort((a, b) => (a.place < b.place ? -1 : 1));
        const want = places.find(({ place }) => place >= key) ?? places[0]!;
        expect(portOf(balancerOf(ring(size), hosts), key)).toBe(want.port);
      }),
    );
    expect(new Set(Object.keys(countAround(balancerOf(ring(1, 1), [host(7), host(8)]), 20)))).toEqual(new Set(["7"]));
  });

  test("hosts without a place serve when no other is left", () => {
    const balancer = balancerOf(
      ring(2, 2),
      [90, 91, 92, 93].map((port) => host(port)),
    );
    const seen = new Set(Object.keys(countAround(balancer, 100)));
    expect(seen.size).toBe(2);
    for (const candidate of balancer.candidates) {
      if (seen.has(candidate.endpoint.instance.split(":")[1]!)) candidate.connectFailed(0);
    }
    expect(seen.has(String(portOf(balancer, 5n)))).toBe(false);
  });
});
