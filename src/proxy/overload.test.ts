import { expect, test } from "bun:test";
import { Overload } from "./overload.ts";

const after = (...lateMs: readonly number[]): number => {
  const overload = new Overload(500);
  for (const each of lateMs) overload.observe(each);
  return Math.round(overload.share * 10) / 10;
};

test.each([
  ["nothing", [], 0],
  ["one late look", [2000, 0], 0],
  ["two late looks", [2000, 2000], 0],
  ["three", [2000, 2000, 2000], 0.1],
  ["many", Array.from({ length: 50 }, () => 600), 0.9],
  [
    "many, and then as many in time",
    [...Array.from({ length: 50 }, () => 600), ...Array.from({ length: 9 }, () => 3)],
    0,
  ],
  ["being a little late", Array.from({ length: 50 }, () => 400), 0],
])("after %s the share of %j is refused", (_name, lateMs, share) => {
  expect(after(...lateMs)).toBe(share);
});

test("nothing is refused, and no chance drawn, while all is well", () => {
  expect(new Overload(500).sheds(() => expect.unreachable())).toBe(false);
});
