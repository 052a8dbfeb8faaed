import { describe, expect, test } from "bun:test";
import type { RateLimit } from "#model";
import { compileLimits, type RequestAttributes, requestAttributes } from "#policy";
import { limitSet, operations } from "../../../test/fakes/rate-limits.ts";
import { RateLimits } from "./rate-limits.ts";

const REQUEST = requestAttributes({
  principal: "a",
  namespace: "shop",
  method: "GET",
  path: "/",
  host: "back",
  port: 80,
});

function limited(...limits: Partial<RateLimit>[]): RateLimits {
  const made = new RateLimits(4);
  made.update(compileLimits([limitSet(...limits)]), 0);
  return made;
}

/** How many of so many requests at one instant find room. */
function passed(
  limits: RateLimits,
  { nowMs = 0, count = 30, user = "", ...change }: Partial<RequestAttributes> & Record<string, unknown> = {},
): number {
  const fields = user === "" ? [] : ["x-user", String(user)];
  const asked = { ...REQUEST, ...change };
  const answers = Array.from({ length: Number(count) }, () => limits.take(asked, fields, Number(nowMs)));
  return answers.filter((each) => each === undefined).length;
}

test("a burst passes, and then what time brings", () => {
  const limits = limited({});
  expect([passed(limits), passed(limits, { nowMs: 99 }), passed(limits, { nowMs: 450 })]).toEqual([10, 0, 4]);
  expect(passed(limits, { nowMs: 60_000 })).toBe(10);
});

test("a burst may be more or less than what comes in a time", () => {
  expect(passed(limited({ burst: 25 }))).toBe(25);
  expect(passed(limited({ burst: 1 }))).toBe(1);
});

describe("who shares a limit with whom", () => {
  const who = (limits: RateLimits): readonly number[] => [
    passed(limits, { user: "x" }),
    passed(limits, { principal: "b", user: "x" }),
    passed(limits, { user: "y" }),
    passed(limits),
    passed(limits, { principal: "b" }),
  ];
  test.each<[string, Partial<RateLimit>, readonly number[]]>([
    ["all callers", {}, [10, 0, 0, 0, 0]],
    ["a caller with itself", { by: { kind: "caller" } }, [10, 10, 0, 0, 0]],
    ["requests with the same value, and those without", { by: { kind: "header", name: "x-user" } }, [10, 0, 10, 10, 0]],
  ])("%s", (_name, change, want) => {
    expect(who(limited(change))).toEqual(want);
  });

  test("long values are told apart by their ends too", () => {
    const limits = limited({ by: { kind: "header", name: "x-user" } });
    const long = "x".repeat(10_000);
    expect(["a", "b", "a"].map((end) => passed(limits, { user: long + end }))).toEqual([10, 10, 0]);
  });

  test("those who come when there are too many share what is left", () => {
    const limits = limited({ by: { kind: "caller" } });
    const callers = Array.from({ length: 20 }, (_, index) => passed(limits, { principal: `p${index}`, count: 20 }));
    expect(callers).toEqual([10, 10, 10, 10, 10, ...Array.from({ length: 15 }, () => 0)]);
  });
});

describe("of several limits", () => {
  test("all must have room, and a request without room takes from none", () => {
    const limits = limited({ name: "few", requests: 1, burst: 3, perMs: 1000 }, { name: "many", burst: 5 });
    expect(passed(limits)).toBe(3);
    // Two are left of the second, which the refused have not touched.
    limits.update(compileLimits([limitSet({ name: "many", burst: 5 })]), 0);
    expect(passed(limits)).toBe(2);
  });

  test("only those that count the request are asked", () => {
    const limits = limited({ name: "writes", burst: 2, ...operations({ methods: ["POST"] }) }, { name: "all" });
    expect(passed(limits, { method: "POST" })).toBe(2);
    expect(passed(limits)).toBe(8);
  });

  test("the one that has room last is named", () => {
    const limits = limited(
      { name: "soon", requests: 1, burst: 1 },
      { name: "late", requests: 1, burst: 1, perMs: 60_000 },
      { name: "roomy" },
    );
    passed(limits, { count: 1 });
    const told = limits.take(REQUEST, [], 500);
    expect(told?.limit.label).toBe("RateLimitPolicy/shop/calm#late");
    expect(told?.fields.slice(0, 2)).toEqual(["retry-after", "60"]);
  });
});

test("a caller is told how long to wait, and what there is", () => {
  const limits = limited({ requests: 1, burst: 3, perMs: 2000 });
  passed(limits);
  expect(limits.take(REQUEST, [], 500)?.fields).toEqual([
    "retry-after",
    "2",
    "x-ratelimit-limit",
    "3",
    "x-ratelimit-remaining",
    "0",
    "x-ratelimit-reset",
    "6",
  ]);
  expect(limits.take(REQUEST, [], 1999)?.fields.slice(0, 2)).toEqual(["retry-after", "1"]);
  expect(limits.take(REQUEST, [], 2000)).toBeUndefined();
});

describe("another configuration", () => {
  const after = (limits: RateLimits, ...next: Partial<RateLimit>[]): number => {
    limits.update(compileLimits([limitSet(...next)]), 0);
    return passed(limits);
  };
  const used = (change: Partial<RateLimit> = {}): RateLimits => {
    const limits = limited(change);
    passed(limits);
    return limits;
  };

  test("leaves a limit that it does not change what it has counted", () => {
    expect(after(used(), {})).toBe(0);
    expect(after(used({ by: { kind: "caller" } }), { by: { kind: "caller" } })).toBe(0);
  });

  test("may name it otherwise, and the new name is told", () => {
    const limits = used();
    expect(after(limits, { name: "other" })).toBe(0);
    expect(limits.take(REQUEST, [], 0)?.limit.label).toEndWith("#other");
  });

  test("may put others before it", () => {
    expect(after(used(), { name: "more", requests: 1000, burst: 1000 }, {})).toBe(0);
  });

  test("makes a limit anew that it changes", () => {
    expect(after(used(), { burst: 11 })).toBe(11);
  });

  test("without limits asks nothing", () => {
    const limits = used();
    expect(limits.isInForce).toBe(true);
    limits.update(undefined, 0);
    expect([limits.isInForce, passed(limits)]).toEqual([false, 30]);
  });
});
