import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { seededRandom } from "../../../test/fakes/random.ts";
import { Balancer, OUTLIER_DEFAULTS, type OutlierSettings, type Weighted } from "../index.ts";
import { OutlierDetector, OutlierRecord } from "./outlier-detection.ts";

function detectorOf(endpoints: number, settings: Partial<OutlierSettings> = {}) {
  const detector = new OutlierDetector({ ...OUTLIER_DEFAULTS, maxEjectionPercent: 100, ...settings });
  const records = Array.from({ length: endpoints }, () => new OutlierRecord());
  detector.update(records);
  detector.sweep(0);
  const fail = (record: OutlierRecord, times: number, { status = 500, nowMs = 0 } = {}): boolean => {
    let isEjected = false;
    for (let time = 0; time < times; time++) isEjected ||= detector.answered(record, status, nowMs);
    return isEjected;
  };
  return { detector, records, fail, first: records[0]! };
}

describe("what ejects", () => {
  test.each<[string, Partial<OutlierSettings>, readonly number[], boolean]>([
    ["five in a row", {}, [500, 501, 502, 503, 599], true],
    ["four in a row", {}, [500, 500, 500, 500], false],
    ["a success between", {}, [500, 500, 500, 500, 200, 500], false],
    ["a refusal is no server error", {}, [500, 500, 500, 500, 404, 500], false],
    ["no server error at all", {}, [404, 429, 600, 404, 404, 404], false],
    ["switched off", { consecutive5xxErrors: 0 }, Array<number>(50).fill(500), false],
    ["gateway errors", { consecutiveGatewayErrors: 3 }, [502, 503, 504], true],
    ["gateway errors, one other between", { consecutiveGatewayErrors: 3 }, [502, 503, 500, 504], false],
    ["gateway errors are off by themselves", {}, [502, 503, 504], false],
    ["gateway errors count as server errors too", {}, [502, 503, 504, 502, 503], true],
  ])("%s", (_, settings, statuses, isEjected) => {
    const { detector, first } = detectorOf(3, settings);
    for (const status of statuses) detector.answered(first, status, 0);
    expect(first.isEjected).toBe(isEjected);
  });

  test("a failure to get an answer counts as 503", () => {
    const { detector, first } = detectorOf(3, { consecutiveGatewayErrors: 3 });
    detector.failedLocally(first, 0);
    detector.failedLocally(first, 0);
    expect(detector.failedLocally(first, 0)).toBe(true);
  });

  test("split, such failures are counted apart", () => {
    const split = { splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 3 };
    const { detector, first, fail } = detectorOf(3, split);
    fail(first, 4);
    detector.failedLocally(first, 0);
    detector.failedLocally(first, 0);
    expect(first.isEjected).toBe(false);
    // An answer, even a bad one, shows that it can be reached.
    expect(detector.answered(first, 200, 0)).toBe(false);
    detector.failedLocally(first, 0);
    detector.failedLocally(first, 0);
    expect(detector.failedLocally(first, 0)).toBe(true);
  });
});

test("split, a connection that can be made again ends the row", () => {
  const settings = { ...OUTLIER_DEFAULTS, splitExternalLocalOriginErrors: true };
  const balancer = new Balancer<Weighted>(() => 0, { policy: { kind: "random" }, outlierDetection: settings });
  balancer.update([{ instance: "a", weight: 1 }]);
  const [a] = balancer.candidates;
  for (let failure = 0; failure < 4; failure++) a!.connectFailed(failure);
  a!.connected();
  for (let failure = 0; failure < 4; failure++) a!.connectFailed(failure);
  expect(a!.outlier.isEjected).toBe(false);
  a!.connectFailed(5);
  expect(a!.outlier.isEjected).toBe(true);
});

describe("for how long", () => {
  test("the base time, until the end of the interval", () => {
    const { detector, first, fail } = detectorOf(3);
    expect(fail(first, 5, { nowMs: 1000 })).toBe(true);
    expect(detector.sweep(30_999)).toBe(false);
    expect(first.isEjected).toBe(true);
    expect(detector.sweep(39_999)).toBe(false);
    expect(detector.sweep(40_000)).toBe(true);
    expect(first.isEjected).toBe(false);
  });

  test("longer each time in a row, up to the maximum", () => {
    const { detector, first, fail } = detectorOf(3);
    let nowMs = 0;
    const lengths = Array.from({ length: 12 }, () => {
      const start = nowMs;
      fail(first, 5, { nowMs });
      while (first.isEjected) {
        nowMs += 10_000;
        detector.sweep(nowMs);
      }
      return (nowMs - start) / 1000;
    });
    expect(lengths).toEqual([30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]);
  });

  test("each interval without one takes a step back", () => {
    const { detector, first, fail } = detectorOf(3);
    fail(first, 5);
    detector.sweep(30_000);
    fail(first, 5, { nowMs: 30_000 });
    expect([first.multiplier, first.ejectedUntilMs]).toEqual([2, 90_000]);
    detector.sweep(90_000);
    detector.sweep(100_000);
    expect(first.multiplier).toBe(1);
    fail(first, 5, { nowMs: 100_000 });
    expect(first.ejectedUntilMs).toBe(160_000);
    detector.sweep(10_000_000);
    expect([first.isEjected, first.multiplier]).toEqual([false, 0]);
  });

  test("sweeping late comes to the same as sweeping in time", () => {
    const step = fc.record({ who: fc.nat(3), bad: fc.boolean(), passMs: fc.integer({ min: 0, max: 25_000 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const eager = detectorOf(4, { consecutive5xxErrors: 2 });
        const lazy = detectorOf(4, { consecutive5xxErrors: 2 });
        let nowMs = 0;
        for (const { who, bad, passMs } of steps) {
          for (let ms = 0; ms < passMs; ms += 1000) eager.detector.sweep(nowMs + ms);
          nowMs += passMs;
          const answer = { status: bad ? 503 : 200, nowMs };
          eager.detector.sweep(nowMs);
          lazy.detector.sweep(nowMs);
          eager.fail(eager.records[who]!, 1, answer);
          lazy.fail(lazy.records[who]!, 1, answer);
        }
        expect(lazy.records).toEqual(eager.records);
      }),
    );
  });
});

test("one may be ejected always, more only up to the percentage", () => {
  const few = detectorOf(5, { maxEjectionPercent: 10 });
  expect(few.records.map((record) => few.fail(record, 5))).toEqual([true, false, false, false, false]);
  const many = detectorOf(20, { maxEjectionPercent: 10 });
  expect(many.records.filter((record) => many.fail(record, 5)).length).toBe(2);
});

test("who could not be ejected is, when errors go on and there is room", () => {
  const { detector, records, fail } = detectorOf(2, { maxEjectionPercent: 50 });
  fail(records[0]!, 5);
  expect(fail(records[1]!, 5)).toBe(false);
  detector.sweep(30_000);
  expect(fail(records[1]!, 4, { nowMs: 30_000 })).toBe(false);
  expect(fail(records[1]!, 1, { nowMs: 30_000 })).toBe(true);
});

describe("in a balancer", () => {
  const endpoints: readonly Weighted[] = ["a", "b", "c"].map((instance) => ({ instance, weight: 1 }));
  function balancerWith(outlierDetection: OutlierSettings | undefined) {
    const balancer = new Balancer<Weighted>(seededRandom(5).next, { policy: { kind: "random" }, outlierDetection });
    balancer.update(endpoints);
    const seenAt = (nowMs: number): string =>
      [...new Set(Array.from({ length: 100 }, () => balancer.select(nowMs)!.endpoint.instance))].sort().join("");
    const failAll = (names: string, nowMs: number): void => {
      for (const candidate of balancer.candidates) {
        if (!names.includes(candidate.endpoint.instance)) continue;
        for (let answer = 0; answer < 5; answer++) candidate.answered(nowMs, 503, 1);
      }
    };
    return { balancer, seenAt, failAll };
  }

  test("nobody is ejected without the block", () => {
    const { seenAt, failAll } = balancerWith(undefined);
    failAll("a", 0);
    expect(seenAt(0)).toBe("abc");
  });

  test("an ejected endpoint gets nothing until its time is over", () => {
    const { seenAt, failAll } = balancerWith(OUTLIER_DEFAULTS);
    expect(seenAt(0)).toBe("abc");
    failAll("ab", 0);
    expect(seenAt(29_999)).toBe("bc");
    expect(seenAt(30_000)).toBe("abc");
  });

  test("a connection that cannot be made counts, also when it is not put aside any more", () => {
    const { balancer, seenAt } = balancerWith({ ...OUTLIER_DEFAULTS, consecutive5xxErrors: 2 });
    seenAt(0);
    balancer.candidates[1]!.connectFailed(0);
    expect(seenAt(300)).toBe("abc");
    balancer.candidates[1]!.connectFailed(300);
    expect(seenAt(20_000)).toBe("ac");
  });

  test("with fewer than the minimum healthy, all get traffic", () => {
    const { seenAt, failAll } = balancerWith({ ...OUTLIER_DEFAULTS, maxEjectionPercent: 100, minHealthPercent: 50 });
    seenAt(0);
    failAll("a", 0);
    expect(seenAt(1)).toBe("bc");
    failAll("b", 1);
    expect(seenAt(2)).toBe("abc");
  });

  test("without a minimum, the last one healthy gets everything, and all when there is none", () => {
    const { seenAt, failAll } = balancerWith({ ...OUTLIER_DEFAULTS, maxEjectionPercent: 100 });
    seenAt(0);
    failAll("ab", 0);
    expect(seenAt(1)).toBe("c");
    failAll("c", 1);
    expect(seenAt(2)).toBe("abc");
  });

  test("taking the block away lets everybody back in", () => {
    const { balancer, seenAt, failAll } = balancerWith(OUTLIER_DEFAULTS);
    failAll("a", 0);
    expect(seenAt(1)).toBe("bc");
    balancer.configure({ policy: { kind: "random" } });
    expect(seenAt(2)).toBe("abc");
  });
});
