import { describe, expect, test } from "bun:test";
import { parseManifests, writeManifests } from "./index.ts";

function read(spec: string) {
  const text = `apiVersion: heddle.dev/v1
kind: RateLimitPolicy
metadata: { name: calm, namespace: shop }
spec: ${spec}
`;
  return parseManifests([{ file: "a.yaml", text }]);
}

function specOf(spec: string) {
  const result = read(spec);
  if (!result.ok) throw new Error(result.problems.map(({ at, message }) => `${at?.field} ${message}`).join("; "));
  const [policy] = result.value;
  return policy?.kind === "RateLimitPolicy" ? policy.spec : undefined;
}

describe("a rate limit policy", () => {
  test("needs to say no more than how many", () => {
    expect(specOf("{ limits: [{ requests: 10 }] }")).toEqual({
      selector: undefined,
      limits: [{ name: "limit-1", to: [], by: { kind: "workload" }, requests: 10, perMs: 1000, burst: 10 }],
    });
  });

  test.each([
    ["Workload", { kind: "workload" }],
    ["Caller", { kind: "caller" }],
    ["{ header: X-User }", { kind: "header", name: "x-user" }],
  ])("counts by %s", (by, want) => {
    expect<unknown>(specOf(`{ limits: [{ requests: 1, by: ${by} }] }`)?.limits[0]?.by).toEqual(want);
  });

  test("counts what its operations say, as an AuthorizationPolicy's do", () => {
    const spec = specOf(
      `{ selector: { matchLabels: { app: cart } }, limits: [{ requests: 1, to: [{ operation: { methods: [GET], notPaths: ["/live*"] } }] }] }`,
    );
    expect(spec?.selector).toEqual({ app: "cart" });
    expect(spec?.limits[0]?.to).toMatchObject([{ methods: ["GET"], notPaths: ["/live*"], hosts: [] }]);
  });

  test("is the same when written and read again", () => {
    const first = read(`{ selector: { matchLabels: { app: cart } }, limits: [
      { name: writes, requests: 5, per: 1m, burst: 20, by: { header: x-user }, to: [{ operation: { methods: [POST], ports: ["8080"] } }, { operation: {} }] },
      { requests: 100, per: 1500ms, by: Caller }, { requests: 1000 }] }`);
    if (!first.ok) throw new Error(JSON.stringify(first.problems));
    expect(parseManifests([{ file: "b.yaml", text: writeManifests(first.value) }])).toEqual(first);
  });

  const seventeen = `{ limits: [${Array.from({ length: 17 }, () => "{ requests: 1 }").join(", ")}] }`;
  test.each([
    ["no limits", "{}", "spec.limits", "is missing"],
    ["an empty list", "{ limits: [] }", "spec.limits", "at least one"],
    ["too many", seventeen, "spec.limits", "at most 16"],
    ["no number", "{ limits: [{ per: 1s }] }", "spec.limits[0].requests", "is missing"],
    ["no requests", "{ limits: [{ requests: 0 }] }", "spec.limits[0].requests", ">=1"],
    ["half a request", "{ limits: [{ requests: 0.5 }] }", "spec.limits[0].requests", "whole number"],
    ["no burst", "{ limits: [{ requests: 1, burst: 0 }] }", "spec.limits[0].burst", ">=1"],
    ["no time", "{ limits: [{ requests: 1, per: 0s }] }", "spec.limits[0].per", "1ms to 24h"],
    ["too much time", "{ limits: [{ requests: 1, per: 25h }] }", "spec.limits[0].per", "1ms to 24h"],
    ["a unit that is none", "{ limits: [{ requests: 1, per: 1d }] }", "spec.limits[0].per", "duration"],
    ["another key", "{ limits: [{ requests: 1, by: Client }] }", "spec.limits[0].by", "`Workload`, `Caller` or"],
    ["a misspelled key", "{ limits: [{ requests: 1, by: { headers: a } }] }", "spec.limits[0].by", "{ header: NAME }"],
    ["no header's name", "{ limits: [{ requests: 1, by: { header: a b } }] }", "spec.limits[0].by.header", "RFC 9110"],
    ["the host", "{ limits: [{ requests: 1, by: { header: Host } }] }", "spec.limits[0].by.header", "themselves"],
    ["one name twice", "{ limits: [{ name: a, requests: 1 }, { name: a, requests: 2 }] }", "spec.limits[1]", "again"],
    ["an unknown field", "{ limits: [{ request: 1 }] }", "spec.limits[0].request", "did you mean `requests`"],
    ["unknown conditions", "{ limits: [{ requests: 1, to: [{ operation: { path: [/] } }] }] }", "path", "`paths`"],
    ["who calls", "{ limits: [{ requests: 1, from: [] }] }", "spec.limits[0].from", "there is no field"],
  ])("with %s is refused, and the place is said", (_name, spec, field, want) => {
    const result = read(spec);
    const told = result.ok ? [] : result.problems.map(({ at, message }) => `${at?.field} ${message} ${at?.line}`);
    expect(told.join("\n")).toContain(want);
    expect(told.join("\n")).toContain(field);
  });
});
