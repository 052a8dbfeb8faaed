import { expect, test } from "bun:test";
import fc from "fast-check";
import { RetryBudget } from "./retry-budget.ts";

test("a service that fails altogether gets a fifth more, not twice its load", () => {
  const budget = new RetryBudget(0);
  let retries = 0;
  for (let index = 0; index < 10_000; index++) {
    budget.deposit();
    if (budget.withdraw(0)) retries++;
  }
  expect(retries).toBeGreaterThanOrEqual(2000);
  expect(retries).toBeLessThanOrEqual(2101);
});

test("a service that is hardly called may be retried ten times a second", () => {
  const budget = new RetryBudget(0);
  while (budget.withdraw(0));
  expect(budget.withdraw(50)).toBe(false);
  expect(budget.withdraw(150)).toBe(true);
  let inASecond = 0;
  for (let ms = 1000; ms < 2000; ms += 10) if (budget.withdraw(ms)) inASecond++;
  expect(inASecond).toBeLessThanOrEqual(19);
});

test("no order of requests and retries gets more than what was saved, deposited and filled", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ isRetry: fc.boolean(), ms: fc.nat(200) }), { maxLength: 500 }), (steps) => {
      const budget = new RetryBudget(0);
      let [nowMs, requests, retries] = [0, 0, 0];
      for (const { isRetry, ms } of steps) {
        nowMs += ms;
        if (!isRetry) {
          requests++;
          budget.deposit();
        } else if (budget.withdraw(nowMs)) retries++;
      }
      expect(retries).toBeLessThanOrEqual(100 + requests * 0.2 + (nowMs / 1000) * 10 + 1e-6);
    }),
  );
});
