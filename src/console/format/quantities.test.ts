import { describe, expect, test } from "bun:test";
import { policyName, summarizePolicies } from "./policies.ts";
import { formatAge, formatCount, formatDuration, formatMs, formatRate, formatShare } from "./quantities.ts";

const table = (format: (value: number) => string, rows: readonly (readonly [number, string])[]): void => {
  test.each(rows.map(([value, text]) => [value, text]))("%p is %s", (value, text) => {
    expect(format(value as number)).toBe(text as string);
  });
};

describe("a rate", () =>
  table(formatRate, [
    [0, "0"],
    [0.04, "<0.1"],
    [0.4, "0.4"],
    [12, "12"],
    [12.54, "12.5"],
    [348.4, "348"],
    [1_240, "1.2k"],
  ]));

describe("a count", () =>
  table(formatCount, [
    [7, "7"],
    [999, "999"],
    [999.6, "1k"],
    [34_200, "34k"],
    [999_600, "1M"],
    [5_130_000, "5.1M"],
  ]));

describe("milliseconds", () =>
  table(formatMs, [
    [0, "0"],
    [0.42, "0.4"],
    [8.1, "8.1"],
    [10, "10"],
    [412.4, "412"],
  ]));

describe("a duration", () =>
  table(formatDuration, [
    [8.12, "8.1 ms"],
    [100, "100 ms"],
    [1_250, "1.25 s"],
  ]));

describe("a share", () =>
  table(formatShare, [
    [1, "100%"],
    [0.99996, "99.99%"],
    [0.998, "99.8%"],
    [0.5, "50%"],
    [0.0004, "0.04%"],
    [0.00004, "<0.01%"],
    [0, "0%"],
  ]));

describe("an age", () =>
  table(formatAge, [
    [-5, "0 s"],
    [8_200, "8 s"],
    [180_000, "3 min"],
    [18_000_000, "5 h"],
    [1_036_800_000, "12 d"],
  ]));

test("a policy is shown by its name", () => {
  expect(policyName("AuthorizationPolicy/shop/payments-callers")).toBe("payments-callers");
  expect(policyName("default-deny")).toBe("default-deny");
});

test("several policies are one name and a number", () => {
  expect(summarizePolicies([])).toBe("policy");
  expect(summarizePolicies(["AuthorizationPolicy/shop/a", "AuthorizationPolicy/shop/b"])).toBe("a +1");
});
