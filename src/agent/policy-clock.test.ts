import { expect, test } from "bun:test";
import { ruleOf, ruleSetOf } from "#policy";
import { FakeTime } from "../../test/fakes/time.ts";
import { PolicyClock } from "./policy-clock.ts";

function setUp() {
  const time = new FakeTime();
  let changes = 0;
  const clock = new PolicyClock({ clock: time, timers: time, onChange: () => changes++ });
  const endingIn = (ms: number) =>
    ruleSetOf({
      ref: { kind: "AccessPolicy", namespace: "shop", name: "p" },
      action: "ALLOW",
      validity: { expiresAtMs: time.nowMs() + ms, schedule: [] },
      rules: [ruleOf()],
    });
  return { time, clock, endingIn, changes: () => changes };
}

test("the agent is woken when a policy ends, and then no more", () => {
  const { time, clock, endingIn, changes } = setUp();
  clock.watch([endingIn(30_000)]);
  time.advance(29_999);
  expect(changes()).toBe(0);
  time.advance(1);
  expect(changes()).toBe(1);
  time.advance(600_000);
  expect(changes()).toBe(1);
});

test("a stopped clock, and one for other policies, wakes nobody", () => {
  const { time, clock, endingIn, changes } = setUp();
  clock.watch([endingIn(1000)]);
  clock.watch([]);
  time.advance(2000);
  clock.watch([endingIn(1000)]);
  clock.stop();
  time.advance(2000);
  expect(changes()).toBe(0);
});
