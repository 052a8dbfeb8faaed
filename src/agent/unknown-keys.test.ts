import { expect, test } from "bun:test";
import { FakeTime } from "../../test/fakes/time.ts";
import { UnknownKeys } from "./unknown-keys.ts";

function telling() {
  const time = new FakeTime(1_000_000);
  const told: string[] = [];
  const keys = new UnknownKeys({ tell: (issuer) => void told.push(issuer), clock: time });
  return { time, told, keys };
}

test("however many such tokens come, the server hears of an issuer now and then", () => {
  const { time, told, keys } = telling();
  for (let count = 0; count < 1000; count++) keys.met("a");
  keys.met("b");
  expect(told).toEqual(["a", "b"]);
  for (let ms = 0; ms < 20_000; ms++) {
    keys.met("a");
    time.advance(1);
  }
  expect(told.length).toBe(2 + 3);
});

test("of however many issuers, a bounded number is remembered, and none for long", () => {
  const { time, told, keys } = telling();
  for (let count = 0; count < 1000; count++) keys.met(`issuer ${count}`);
  expect(told.length).toBe(256);
  time.advance(5000);
  keys.met("issuer 999");
  expect(told.at(-1)).toBe("issuer 999");
});

test("a clock that was set back does not make it quiet", () => {
  let nowMs = 10_000_000;
  const told: string[] = [];
  const keys = new UnknownKeys({ tell: (issuer) => void told.push(issuer), clock: { nowMs: () => nowMs } });
  keys.met("a");
  nowMs -= 3_600_000;
  keys.met("a");
  expect(told.length).toBe(2);
});
