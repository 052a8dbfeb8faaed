import { describe, expect, test } from "bun:test";
import type { RunningProcess } from "#engine/processes";
import { success } from "#model";
import { seededRandom } from "../../test/fakes/random.ts";
import { FakeTime } from "../../test/fakes/time.ts";
import type { UnitPlan } from "./plan.ts";
import { backOffMs, Unit, type UnitEvent } from "./unit.ts";

const PLAN: UnitPlan = {
  id: "orders",
  kind: "app",
  command: ["orders"],
  directory: "/",
  environment: {},
  after: [],
  readiness: { kind: "http", url: "http://127.0.0.1:1/" },
  readyWithinMs: 5000,
  identity: undefined,
  file: undefined,
};

/** Lets every promise that can go on do so. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

function scene() {
  const time = new FakeTime();
  const events: UnitEvent[] = [];
  let end: (status: number) => void = () => {};
  let starts = 0;
  const unit = new Unit(PLAN, {
    launch: async () => {
      starts += 1;
      const { promise, resolve } = Promise.withResolvers<{ kind: "status"; status: number }>();
      end = (status) => resolve({ kind: "status", status });
      const running: RunningProcess = {
        pid: starts,
        exited: promise,
        signal: () => {},
        stop: async () => {
          end(0);
          return promise;
        },
      };
      return success(running);
    },
    probe: async () => true,
    report: (event) => events.push(event),
    clock: time,
    timers: time,
    random: seededRandom(1),
  });
  return { time, events, unit, end: (status: number) => end(status), starts: () => starts };
}

describe("a unit", () => {
  test("that crashes again and again waits longer each time, never more than half a minute", () => {
    const waits = Array.from({ length: 12 }, (_, index) => backOffMs(index + 1, 0.5));
    expect(waits.slice(0, 5)).toEqual([500, 1000, 2000, 4000, 8000]);
    expect(waits.at(-1)).toBe(30_000);
  });

  test("is started again after its back-off and not before", async () => {
    const { unit, time, end, starts } = scene();
    unit.start();
    await settle();
    expect(unit.state).toBe("ready");
    end(1);
    await settle();
    expect(unit.state).toBe("backing-off");
    time.advance(300);
    await settle();
    expect(starts()).toBe(1);
    time.advance(400);
    await settle();
    expect(starts()).toBe(2);
    await unit.stop();
  });

  test("that held for a while begins again with the shortest wait", async () => {
    const { unit, time, end, events } = scene();
    unit.start();
    for (const heldMs of [0, 0, 0, 60_000]) {
      await settle();
      time.advance(heldMs);
      end(1);
      await settle();
      time.advance(30_000);
    }
    const waits = events
      .filter((event) => event.state === "backing-off")
      .map((event) => /in ([\d.]+) s/.exec(event.text)?.[1]);
    expect(Number(waits[2])).toBeGreaterThan(1.5);
    expect(Number(waits[3])).toBeLessThan(0.7);
    await settle();
    await unit.stop();
  });

  test("leaves no timer behind when stopped in its back-off", async () => {
    const { unit, time, end } = scene();
    unit.start();
    await settle();
    end(1);
    await settle();
    await unit.stop();
    expect(unit.state).toBe("stopped");
    expect(time.pending).toBe(0);
  });
});
