import { describe, expect, test } from "bun:test";
import type { RequestRedirect } from "#model";
import { seededRandom } from "../../../test/fakes/random.ts";
import { routeMatch, routeRule } from "../../../test/fakes/route-rules.ts";
import { changedFields, changedTarget, pickBackend, redirectLocation } from "./apply-route.ts";
import { RouteTable } from "./route-table.ts";

// The table of the Gateway API's HTTPPathModifier.
test.each([
  ["/foo/bar", "/foo", "/xyz", "/xyz/bar"],
  ["/foo/bar", "/foo", "/xyz/", "/xyz/bar"],
  ["/foo/bar", "/foo/", "/xyz", "/xyz/bar"],
  ["/foo/bar", "/foo/", "/xyz/", "/xyz/bar"],
  ["/foo", "/foo", "/xyz", "/xyz"],
  ["/foo/", "/foo", "/xyz", "/xyz/"],
  ["/foo/bar", "/foo", "", "/bar"],
  ["/foo/", "/foo", "", "/"],
  ["/foo", "/foo", "", "/"],
  ["/foo/", "/foo", "/", "/"],
  ["/foo", "/foo", "/", "/"],
  ["/foo?a=/foo", "/foo", "/xyz", "/xyz?a=/foo"],
  ["/foo", "/", "/xyz", "/xyz/foo"],
])("%s with the prefix %s replaced by %p is %s", (target, prefix, value, want) => {
  const rule = routeRule("a", { matches: [routeMatch({ path: { type: "PathPrefix", value: prefix } })] });
  const entry = new RouteTable([rule]).find({ method: "GET", target, authority: "", fields: [] });
  expect(changedTarget(target, { type: "ReplacePrefixMatch", value }, entry?.prefix)).toBe(want);
});

test("a full path is replaced, the query stays", () => {
  expect(changedTarget("/a/b?c=d", { type: "ReplaceFullPath", value: "/x" }, undefined)).toBe("/x?c=d");
});

describe("a redirect", () => {
  const none: RequestRedirect = {
    scheme: undefined,
    hostname: undefined,
    path: undefined,
    port: undefined,
    statusCode: 302,
  };
  test.each<[string, Partial<RequestRedirect>, string, string]>([
    ["to https", { scheme: "https" }, "orders:8080", "https://orders/a?b"],
    ["to a host", { hostname: "x.example" }, "orders:8080", "http://x.example:8080/a?b"],
    ["to a port", { port: 9 }, "orders", "http://orders:9/a?b"],
    ["to the port of its scheme", { scheme: "https", port: 443 }, "orders", "https://orders/a?b"],
    ["to a path", { path: { type: "ReplaceFullPath", value: "/z" } }, "orders:80", "http://orders/z?b"],
  ])("%s", (_name, redirect, authority, want) => {
    const request = { method: "GET", target: "/a?b", authority, fields: [], scheme: "http" } as const;
    const entry = new RouteTable([routeRule("a")]).find(request);
    if (entry === undefined) throw new Error("no rule");
    expect(redirectLocation({ ...none, ...redirect }, request, entry)).toBe(want);
  });

  test("does not lead out of TLS by itself", () => {
    const request = { method: "GET", target: "/a", authority: "orders", fields: [], scheme: "https" } as const;
    const entry = new RouteTable([routeRule("a")]).find(request);
    if (entry === undefined) throw new Error("no rule");
    expect(redirectLocation({ ...none, hostname: "x.example" }, request, entry)).toBe("https://x.example/a");
    expect(redirectLocation({ ...none, port: 443 }, request, entry)).toBe("https://orders/a");
  });
});

test("fields are set, added and removed, and the others stay as they are", () => {
  const change = { set: [{ name: "a", value: "9" }], add: [{ name: "b", value: "3" }], remove: ["c"] };
  expect(changedFields(["a", "1", "b", "2", "c", "x", "d", "4", "a", "0"], change)).toEqual([
    "b",
    "2",
    "d",
    "4",
    "a",
    "9",
    "b",
    "3",
  ]);
});

describe("a backend", () => {
  test("gets its share", () => {
    const random = seededRandom(5).next;
    const backends = [9, 0, 1].map((weight) => ({ service: `shop/s${weight}` as const, weight }));
    const counts = new Map<number, number>();
    for (let index = 0; index < 10_000; index++) {
      const weight = pickBackend(backends, random())?.weight ?? -1;
      counts.set(weight, (counts.get(weight) ?? 0) + 1);
    }
    expect(Math.abs((counts.get(9) ?? 0) - 9000)).toBeLessThan(150);
    expect([...counts.keys()].toSorted()).toEqual([1, 9]);
  });

  test("of no weight is none", () => {
    expect(pickBackend([{ service: "shop/a", weight: 0 }], 0)).toBeUndefined();
    expect(pickBackend([], 0)).toBeUndefined();
  });
});
