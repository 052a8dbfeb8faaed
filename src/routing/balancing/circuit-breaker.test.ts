import { expect, test } from "bun:test";
import fc from "fast-check";
import { CircuitBreaker, type Limited } from "../index.ts";

const KINDS: readonly Limited[] = ["connections", "pendingRequests", "requests", "retries"];

test("each kind has a limit of its own", () => {
  const breaker = new CircuitBreaker({ connections: 1, requests: 2 });
  expect([1, 2, 3].map(() => breaker.tryAcquire("requests"))).toEqual([true, true, false]);
  expect([1, 2].map(() => breaker.tryAcquire("connections"))).toEqual([true, false]);
  expect(breaker.tryAcquire("pendingRequests")).toBe(true);
  expect(KINDS.map((kind) => breaker.refused(kind))).toEqual([1, 0, 1, 0]);
  breaker.release("requests");
  expect(breaker.tryAcquire("requests")).toBe(true);
});

test("a limit of none refuses everything, and none given refuses nothing", () => {
  const breaker = new CircuitBreaker({ retries: 0 });
  expect(breaker.tryAcquire("retries")).toBe(false);
  for (let request = 0; request < 10_000; request++) expect(breaker.tryAcquire("requests")).toBe(true);
});

test("a lower limit lets what is under way end, and nothing new begin before", () => {
  const breaker = new CircuitBreaker({ requests: 10 });
  for (let request = 0; request < 5; request++) breaker.tryAcquire("requests");
  breaker.configure({ requests: 3 });
  expect(breaker.used("requests")).toBe(5);
  const tries = [1, 2, 3].map(() => {
    breaker.release("requests");
    return breaker.tryAcquire("requests");
  });
  expect(tries).toEqual([false, false, true]);
});

test("whatever is taken and released, counts stay between none and the limit", () => {
  const step = fc.record({ kind: fc.constantFrom(...KINDS), isTaken: fc.boolean() });
  fc.assert(
    fc.property(fc.nat(5), fc.array(step, { maxLength: 200 }), (limit, steps) => {
      const breaker = new CircuitBreaker({
        connections: limit,
        pendingRequests: limit,
        requests: limit,
        retries: limit,
      });
      const model = new Map(KINDS.map((kind) => [kind, 0]));
      for (const { kind, isTaken } of steps) {
        const before = model.get(kind)!;
        if (isTaken) expect(breaker.tryAcquire(kind)).toBe(before < limit);
        else breaker.release(kind);
        model.set(kind, isTaken ? Math.min(limit, before + 1) : Math.max(0, before - 1));
        expect(breaker.used(kind)).toBe(model.get(kind)!);
      }
    }),
  );
});
