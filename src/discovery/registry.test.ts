import { beforeEach, describe, expect, test } from "bun:test";
import { parseSpiffeId } from "#identity";
import { type Problem, success, valueOrThrow } from "#model";
import { FakeTime } from "../../test/fakes/time.ts";
import { type Announcement, WorkloadRegistry } from "./index.ts";

const cart = valueOrThrow(parseSpiffeId("spiffe://shop.example/ns/shop/sa/cart"));
const thief = valueOrThrow(parseSpiffeId("spiffe://shop.example/ns/shop/sa/thief"));
const announcement: Announcement = {
  instance: "cart-1",
  address: "127.1.2.3",
  meshPort: 15008,
  appPort: 3000,
  labels: { app: "cart" },
  ready: true,
  revision: 1,
  servedSvidNotAfterMs: 1000,
  servedSvidSerial: "",
  bundleSequence: 0,
  agentVersion: "0.1.0",
  mode: "sidecar",
};

let time: FakeTime;
let kept: string | undefined;
let changes: number;
let registry: WorkloadRegistry;

function make(): WorkloadRegistry {
  return new WorkloadRegistry({
    store: {
      load: () => Promise.resolve(success(kept)),
      save(text) {
        kept = text;
        return Promise.resolve(success(undefined));
      },
    },
    clock: time,
    timers: time,
    onChange: () => changes++,
    onProblem: (each: Problem) => expect(each).toBeUndefined(),
  });
}
const codeOf = (result: ReturnType<WorkloadRegistry["announce"]>) => (result.ok ? "ok" : result.problems[0].code);

beforeEach(async () => {
  time = new FakeTime();
  kept = undefined;
  changes = 0;
  registry = make();
  valueOrThrow(await registry.start());
});

describe("a lease", () => {
  test("holds while it is renewed, without a change each time", () => {
    for (let count = 0; count < 20; count++) {
      expect(registry.announce({ ...announcement, revision: count }, cart)).toEqual(success(9000));
      time.advance(3000);
    }
    expect([...registry.workloads.keys()]).toEqual(["shop/cart-1"]);
    expect(changes).toBe(1);
  });

  test("that runs out leaves a stale entry and no endpoint, and in the end nothing", () => {
    registry.announce(announcement, cart);
    time.advance(10_000);
    expect(registry.workloads.size).toBe(0);
    expect(registry.entries).toMatchObject([{ state: "stale" }]);
    time.advance(700_000);
    expect(registry.entries).toEqual([]);
  });

  test("is withdrawn at once", () => {
    registry.announce(announcement, cart);
    registry.withdraw("cart-1", cart);
    expect(registry.workloads.size).toBe(0);
    expect(changes).toBe(2);
  });
});

describe("an instance", () => {
  test("cannot be taken over or withdrawn by another service account while its lease holds", () => {
    registry.announce(announcement, cart);
    expect(codeOf(registry.announce(announcement, thief))).toBe("HDL_DISCOVERY_INSTANCE_TAKEN");
    registry.withdraw("cart-1", thief);
    expect(registry.workloads.get("shop/cart-1")?.serviceAccount).toBe("cart");
    time.advance(10_000);
    expect(codeOf(registry.announce(announcement, thief))).toBe("ok");
  });

  test("counts the certificates that it served", () => {
    for (const servedSvidNotAfterMs of [0, 1000, 1000, 2000, 3000])
      registry.announce({ ...announcement, servedSvidNotAfterMs }, cart);
    expect(registry.entries).toMatchObject([{ rotations: 2 }]);
  });

  const wrong: [string, Partial<Announcement>][] = [
    ["a bad name", { instance: "Cart 1" }],
    ["no address", { address: "" }],
    ["an address that cannot be dialled", { address: "0.0.0.0" }],
    ["a script for an address", { address: "a b;c" }],
    ["no port", { meshPort: 0 }],
    ["a huge label", { labels: { app: "x".repeat(1000) } }],
  ];
  test.each(wrong)("with %s is refused", (_, change) => {
    expect(codeOf(registry.announce({ ...announcement, ...change }, cart))).toBe("HDL_DISCOVERY_ANNOUNCEMENT");
  });

  test("may have an IPv6 address", () => {
    for (const address of ["::1", "fd00::1:2", "10.0.0.1", "vm-1.example"])
      expect(codeOf(registry.announce({ ...announcement, address }, cart))).toBe("ok");
  });
});

describe("a restarted server", () => {
  test("gives out what it knew, with a fresh lease", async () => {
    registry.announce(announcement, cart);
    registry.announce({ ...announcement, instance: "cart-2", ready: false }, cart);
    await registry.stop();
    expect(time.pending).toBe(0);
    time.advance(3_600_000);
    const again = make();
    valueOrThrow(await again.start());
    expect(again.entries).toMatchObject([{ state: "restored" }, { state: "restored" }]);
    expect(again.workloads.get("shop/cart-2")?.ready).toBe(false);
    time.advance(30_000);
    expect(again.workloads.size).toBe(2);
    again.announce(announcement, cart);
    expect(again.entries).toMatchObject([{ state: "live" }, { state: "restored" }]);
    time.advance(8000);
    again.announce(announcement, cart);
    time.advance(8000);
    expect([...again.workloads.keys()]).toEqual(["shop/cart-1"]);
  });

  test("writes soon after a change, without being stopped", async () => {
    registry.announce(announcement, cart);
    time.advance(300);
    await Promise.resolve();
    expect(kept).toContain("cart-1");
  });

  test("passes over what is damaged", async () => {
    kept = '{"workloads":[{"instance":"x"},7]}';
    const again = make();
    expect((await again.start()).ok).toBe(true);
    expect(again.entries).toEqual([]);
  });
});

test("the server's own sleep is not the agents' silence", () => {
  let nowMs = time.nowMs();
  const slept = new WorkloadRegistry({
    store: { load: () => Promise.resolve(success(undefined)), save: () => Promise.resolve(success(undefined)) },
    clock: { nowMs: () => nowMs },
    timers: time,
    onChange: () => undefined,
    onProblem: () => undefined,
  });
  return slept.start().then(() => {
    slept.announce(announcement, cart);
    nowMs += 3_600_000;
    time.advance(500);
    expect(slept.workloads.size).toBe(1);
  });
});
