import { describe, expect, test } from "bun:test";
import { compilePolicy, decide, type RuleSet, requestAttributes, ruleOf, ruleSetOf, ruleSetsAt } from "./index.ts";
import { ALWAYS, type Validity } from "./validity.ts";

const ref = { kind: "AccessPolicy", namespace: "shop", name: "p" };
const set = (action: "ALLOW" | "DENY", validity: Partial<Validity>): RuleSet =>
  ruleSetOf({ ref, action, rules: [ruleOf()], validity: { ...ALWAYS, ...validity } });
const at = (text: string): number => Date.parse(text);
const verdict = (each: RuleSet, time: string) =>
  decide(compilePolicy(ruleSetsAt([each], at(time)).ruleSets), requestAttributes({})).verdict;
const OFFICE = { days: [1, 2, 3, 4, 5], fromMinute: 9 * 60, toMinute: 17 * 60, timeZone: "Europe/Berlin" };
const NIGHT = { days: [6], fromMinute: 22 * 60, toMinute: 6 * 60, timeZone: "UTC" };

describe("a policy with an end", () => {
  const expiresAtMs = at("2026-01-05T12:00:00Z");
  test.each([
    ["allows before it", "ALLOW", "2026-01-05T11:59:59.999Z", "allow"],
    ["protects after it", "ALLOW", "2026-01-05T12:00:00Z", "deny"],
    ["rejects before it", "DENY", "2026-01-05T11:59:59.999Z", "deny"],
    ["rejects nothing after it", "DENY", "2026-01-05T12:00:00Z", "allow"],
  ] as const)("%s", (_name, action, time, want) => {
    expect(verdict(set(action, { expiresAtMs }), time)).toBe(want);
  });
  test("is looked at again when it ends, and not after", () => {
    const sets = [set("ALLOW", { expiresAtMs })];
    expect(ruleSetsAt(sets, expiresAtMs - 5)).toEqual({ ruleSets: sets, untilMs: expiresAtMs });
    expect(ruleSetsAt(sets, expiresAtMs).untilMs).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("a policy with a schedule", () => {
  test.each([
    ["opens at its time, in winter", OFFICE, "2026-01-05T08:00:00Z", "allow"],
    ["is closed before", OFFICE, "2026-01-05T07:59:59Z", "deny"],
    ["opens an hour earlier by the sun in summer", OFFICE, "2026-07-06T07:00:00Z", "allow"],
    ["closes at its time", OFFICE, "2026-01-05T16:00:00Z", "deny"],
    ["is closed on other days", OFFICE, "2026-01-04T12:00:00Z", "deny"],
    ["goes on over midnight", NIGHT, "2026-01-11T05:59:00Z", "allow"],
    ["belongs to the day on which it began", NIGHT, "2026-01-10T05:59:00Z", "deny"],
    ["may hold on every day", { ...OFFICE, days: [] }, "2026-01-04T12:00:00Z", "allow"],
  ] as const)("%s", (_name, window, time, want) => {
    expect(verdict(set("ALLOW", { schedule: [window] }), time)).toBe(want);
  });
  test("is looked at again in time for each change", () => {
    for (const window of [OFFICE, NIGHT]) {
      const sets = [set("ALLOW", { schedule: [window] })];
      let nowMs = at("2026-03-26T00:00:30Z");
      const isOpen = (ms: number): boolean => ruleSetsAt(sets, ms).ruleSets === sets;
      while (nowMs < at("2026-04-01T00:00:00Z")) {
        const { untilMs } = ruleSetsAt(sets, nowMs);
        expect(untilMs).toBeGreaterThan(nowMs);
        expect(isOpen(untilMs - 1)).toBe(isOpen(nowMs));
        nowMs = untilMs;
      }
    }
  });
});

test("without either nothing has to be looked at again", () => {
  const sets = [set("ALLOW", {})];
  const found = ruleSetsAt(sets, 0);
  expect(found.ruleSets).toBe(sets);
  expect(found.untilMs).toBe(Number.POSITIVE_INFINITY);
});
