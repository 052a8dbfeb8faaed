import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { seededRandom } from "../../../test/fakes/random.ts";
import { HEALTH_CHECK_DEFAULTS, type HealthCheckSettings, HealthState } from "../index.ts";

const stateOf = (settings: Partial<HealthCheckSettings> = {}): HealthState =>
  new HealthState({ ...HEALTH_CHECK_DEFAULTS, ...settings }, 0, seededRandom(2).next);

/** `+` passes and `-` fails; what it is after each, as `h` or `u`. */
const run = (state: HealthState, checks: string): string =>
  [...checks]
    .map((check) => {
      const wasHealthy = state.isHealthy;
      const hasChanged = check === "+" ? state.passed(0) : state.failed(0);
      expect(hasChanged).toBe(wasHealthy !== state.isHealthy);
      return state.isHealthy ? "h" : "u";
    })
    .join("");

test.each([
  ["it is healthy to begin with", false, "", ""],
  ["three failures in a row", false, "---", "hhu"],
  ["a pass between", false, "--+--+---", "hhhhhhhhu"],
  ["two passes in a row bring it back", false, "---+-+-++", "hhuuuuuuh"],
  ["then three failures again", false, "---++--+---", "hhuuhhhhhhu"],
  ["where a pass is needed first, one is enough", true, "--+--", "uuhhh"],
  ["and later as many as always", true, "+---+-++", "hhhuuuuh"],
])("%s", (_, isPassNeededFirst, checks, want) => {
  const state = stateOf({ isPassNeededFirst });
  expect(state.isHealthy).toBe(!isPassNeededFirst);
  expect(run(state, checks)).toBe(want);
});

describe("the next check", () => {
  test("comes after the interval and up to a tenth more", () => {
    const state = stateOf();
    const waits = Array.from({ length: 200 }, (_, turn) => {
      state.passed(turn * 1000);
      return state.nextCheckMs - turn * 1000;
    });
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(10_000);
    expect(Math.max(...waits)).toBeLessThan(11_000);
    expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(800);
  });

  test("comes at once if traffic waits for it, else at some time of the first interval", () => {
    expect(stateOf({ isPassNeededFirst: true }).nextCheckMs).toBe(0);
    expect(stateOf().nextCheckMs).toBeGreaterThan(0);
    expect(stateOf().nextCheckMs).toBeLessThan(10_000);
  });
});

test("nothing but enough checks in a row changes it", () => {
  const threshold = fc.integer({ min: 1, max: 5 });
  fc.assert(
    fc.property(threshold, threshold, fc.array(fc.boolean(), { maxLength: 60 }), (healthy, unhealthy, checks) => {
      const state = stateOf({ healthyThreshold: healthy, unhealthyThreshold: unhealthy });
      checks.forEach((passes, index) => {
        const hasChanged = passes ? state.passed(0) : state.failed(0);
        if (!hasChanged) return;
        const needed = passes ? healthy : unhealthy;
        expect(checks.slice(index + 1 - needed, index + 1)).toEqual(Array<boolean>(needed).fill(passes));
        expect(state.isHealthy).toBe(passes);
      });
    }),
  );
});
