import { expect, test } from "bun:test";
import { causeName, growth, hopName } from "./wording.ts";

test.each([
  ["shop/payments", "payments"],
  ["shop/edge → shop/storefront", "edge → storefront"],
  ["inventory-2", "inventory-2"],
  ["edge", "edge"],
])("the hop %s is written %s", (hop, written) => {
  expect(hopName(hop)).toBe(written);
});

test("a cause is said in plain words", () => {
  expect(causeName("bad-replica")).toBe("one bad replica");
});

test.each([
  [2, 48.4, "+46 ms"],
  [2, 5.25, "+3.3 ms"],
  [50, 10, "−40 ms"],
  [2, 2.3, "nothing"],
])("from %p to %p ms is %s", (before, now, text) => {
  expect(growth(before, now) ?? "nothing").toBe(text);
});
