import { expect, test } from "bun:test";
import { systemRandom } from "#engine/random";
import { FakeTime } from "../../../test/fakes/time.ts";
import { Access } from "./access.ts";

const HOUR_MS = 3_600_000;
const ada = { kind: "person", subject: "7", email: undefined, groups: ["admins"] } as const;

function access() {
  const time = new FakeTime(1_000_000);
  const apiTokens = { identify: () => undefined, isGood: () => true };
  return { time, access: new Access({ adminToken: "secret", apiTokens, clock: time, random: systemRandom }) };
}

test("nobody makes a login last longer by opening sessions from its sessions", () => {
  const { time, access: each } = access();
  let { session } = each.createSession(ada);
  for (let hour = 0; hour < 11; hour++) {
    time.advance(HOUR_MS);
    const grant = each.judge(undefined, `heddle_session=${session}`);
    if (grant === undefined) throw new Error(`ended after ${hour} hours`);
    const opened = each.openSession(each.createCode(grant).code);
    expect(opened?.lifeMs).toBe((11 - hour) * HOUR_MS);
    session = opened?.session ?? "";
    expect(each.judge(`Bearer hst1.${session}`, undefined)?.goodUntilMs).toBe(1_000_000 + 12 * HOUR_MS);
  }
  time.advance(HOUR_MS - 1);
  const last = each.judge(undefined, `heddle_session=${session}`);
  if (last === undefined) throw new Error("ended early");
  const { code } = each.createCode(last);
  time.advance(1);
  expect(each.judge(undefined, `heddle_session=${session}`)).toBeUndefined();
  expect(each.openSession(code)).toBeUndefined();
});

test("the holder of a token opens sessions of their own length", () => {
  const { time, access: each } = access();
  const grant = each.judge("Bearer secret", undefined);
  if (grant === undefined) throw new Error("not known");
  time.advance(100 * HOUR_MS);
  expect(each.openSession(each.createCode(grant).code)?.lifeMs).toBe(12 * HOUR_MS);
});
