import { describe, expect, test } from "bun:test";
import { compilePattern } from "./pattern.ts";

describe("a pattern", () => {
  test.each([
    ["/users/[0-9]+/orders", "/users/17/orders", true],
    ["/users/[0-9]+/orders", "/users/17/orders/3", false],
    ["v[12]|beta", "beta", true],
    ["v[12]|beta", "xbeta", false],
    ["(?:a|b)c", "bc", true],
    ["a\\+b", "a+b", true],
  ])("%s against %s: %p", (pattern, text, isMatch) => {
    const compiled = compilePattern(pattern);
    expect(compiled.ok && compiled.value.test(text)).toBe(isMatch);
  });

  test.each([
    "(a+)+",
    "(a|aa)*",
    "((a*)b)*",
    "(a)\\1",
    "(?=a)b",
    "(?<n>a)",
    "a(",
    "a*b*c*d*e*",
    "(a|b){2,}",
    "x".repeat(300),
  ])("%s is refused", (pattern) => {
    expect(compilePattern(pattern).ok).toBe(false);
  });
});
