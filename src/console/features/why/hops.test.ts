import { expect, test } from "bun:test";
import type { Cause, Culprit, HopChange } from "../../api-client/shapes.ts";
import { isBlamed, largestHops } from "./hops.ts";

const hop = (name: string, currentMs: number, cause: Cause = "application"): HopChange => ({
  hop: name,
  cause,
  baselineMs: 1,
  currentMs,
});

const culprit = (name: string, cause: Cause): Culprit => ({
  hop: name,
  cause,
  share: 1,
  confidence: 1,
  summary: "",
  evidence: [],
  next: "",
});

test("the ten largest hops are shown, and the others counted", () => {
  const { shown, others } = largestHops(Array.from({ length: 13 }, (_, index) => hop(`shop/s${index}`, index)));
  expect(shown.map((each) => each.currentMs)).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
  expect(others).toBe(3);
});

test.each([
  [true, "shop/cart", "application"],
  [false, "shop/cart", "proxy"],
  [true, "cart-2", "bad-replica"],
  [false, "catalog-2", "bad-replica"],
] as const)("it is %p that shop/cart is blamed by %s %s", (blamed, name, cause) => {
  expect(isBlamed(hop("shop/cart", 5), [culprit(name, cause)])).toBe(blamed);
});
