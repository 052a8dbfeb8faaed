import { expect, test } from "bun:test";
import { byteRuleFor } from "./byte-rules.ts";
import type { ByteRule } from "./route-rule.ts";

const rule = (source: string, ...hostnames: string[]): ByteRule => ({ source, hostnames, backends: [] });
const RULES = [
  rule("any"),
  rule("wide", "*.example.com"),
  rule("narrow", "*.in.example.com"),
  rule("exact", "a.example.com"),
];

test.each([
  ["", "any"],
  ["example.com", "any"],
  ["A.example.com", "exact"],
  ["b.example.com", "wide"],
  ["b.in.example.com", "narrow"],
  ["other", "any"],
])("the rule for %p is %s", (serverName, want) => {
  expect(byteRuleFor(RULES, serverName)?.source).toBe(want);
});

test("there is none where no name fits, and of equals the first is taken", () => {
  expect(byteRuleFor([rule("a", "a.example")], "b.example")).toBeUndefined();
  expect(byteRuleFor([rule("first", "a.example"), rule("second", "a.example")], "a.example")?.source).toBe("first");
});
