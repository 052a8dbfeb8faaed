import { expect, test } from "bun:test";
import type { AuditLine } from "#model";
import { FakeTime } from "../../../test/fakes/time.ts";
import { Refusals } from "./refusals.ts";

function setUp() {
  const time = new FakeTime();
  const written: AuditLine[] = [];
  const refusals = new Refusals({ clock: time, audit: (line) => written.push(line) });
  const from = (actor: string): void =>
    refusals.write({ actor, action: "right-refused", detail: "POST /", namespaces: [] });
  return { time, written, from };
}

test("one actor's refusals are written up to its budget, and the others counted", () => {
  const { time, written, from } = setUp();
  for (let n = 0; n < 1000; n++) from("eve");
  expect(written.length).toBe(20);
  from("ada");
  expect(written.at(-1)).toMatchObject({
    actor: "ada",
    detail: "POST / (and 980 refusals before that are not written)",
  });
  time.advance(300_000);
  from("eve");
  from("eve");
  expect(written.length).toBe(22);
  expect(written.at(-1)?.detail).toBe("POST /");
});

test("a day of refusals from everywhere leaves the log its room", () => {
  const { time, written, from } = setUp();
  for (let minute = 0; minute < 1440; minute++) {
    for (let n = 0; n < 20; n++) from(`2001:db8::${minute}:${n}`);
    time.advance(60_000);
  }
  expect(written.length).toBeLessThan(2500);
  expect(written.length).toBeGreaterThan(2000);
});
