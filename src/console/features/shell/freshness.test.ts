import { expect, test } from "bun:test";
import { RequestError } from "../../api-client/http.ts";
import { isStale, phaseOf } from "./freshness.ts";

const away = new RequestError({ kind: "unreachable", detail: "The server cannot be reached." });
const signedOut = new RequestError({ kind: "signed-out" });

const refused = (status: number) => new RequestError({ kind: "refused", status, detail: "No." });

test.each([
  ["loading", { hasData: false, hasNodes: false, error: null }],
  ["unreachable", { hasData: false, hasNodes: false, error: away }],
  ["refused", { hasData: false, hasNodes: false, error: refused(403) }],
  ["unreachable", { hasData: false, hasNodes: false, error: refused(502) }],
  ["ready", { hasData: true, hasNodes: true, error: away }],
  ["empty", { hasData: true, hasNodes: false, error: null }],
  ["signed-out", { hasData: true, hasNodes: true, error: signedOut }],
] as const)("the page is %s", (phase, facts) => {
  expect(phaseOf(facts)).toBe(phase);
});

test("data is stale when a request failed or none came back for long, but not while paused", () => {
  expect(isStale({ live: true, failed: true, ageMs: 0 })).toBe(true);
  expect(isStale({ live: true, failed: false, ageMs: 7_000 })).toBe(true);
  expect(isStale({ live: true, failed: false, ageMs: 1_000 })).toBe(false);
  expect(isStale({ live: false, failed: true, ageMs: 60_000 })).toBe(false);
});
