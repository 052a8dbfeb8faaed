import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { PathMatch } from "#model";
import { routeMatch, routeRule } from "../../../test/fakes/route-rules.ts";
import type { RouteMatch, RouteRule } from "./route-rule.ts";
import { type RoutedRequest, RouteTable } from "./route-table.ts";

const exact = (value: string): PathMatch => ({ type: "Exact", value });
const prefix = (value: string): PathMatch => ({ type: "PathPrefix", value });
const pattern = (value: string): PathMatch => ({ type: "RegularExpression", value });
const header = (name: string, value: string) => ({ type: "Exact" as const, name, value });

function asks(target: string, more: Partial<RoutedRequest> = {}): RoutedRequest {
  return { method: "GET", target, authority: "orders", fields: [], ...more };
}

/** The name of the rule that a request meets. */
function met(rules: Readonly<Record<string, Partial<RouteMatch> & { hosts?: string[] }>>, request: RoutedRequest) {
  const list = Object.entries(rules).map(([name, { hosts = [], ...match }]) =>
    routeRule(name, { hostnames: hosts, matches: [routeMatch(match)] }),
  );
  return new RouteTable(list).find(request)?.rule.source;
}

describe("the rule that a request meets", () => {
  const paths = {
    root: {},
    api: { path: prefix("/api") },
    apiV2: { path: prefix("/api/v2/") },
    user: { path: pattern("/api/users/[0-9]+") },
    health: { path: exact("/api/v2/health") },
  };

  test.each([
    ["/", "root"],
    ["/other", "root"],
    ["/api", "api"],
    ["/api/", "api"],
    ["/apiary", "root"],
    ["/api/v1?q=/api/v2", "api"],
    ["/api/v2", "apiV2"],
    ["/api/v2/x/y/z", "apiV2"],
    ["/api/v2/health", "health"],
    ["/api/v2/health?x=1", "health"],
    ["/api/v2/health/", "apiV2"],
    ["/api/users/17", "user"],
    ["/api/users/x", "api"],
    [`/api/users/${"1".repeat(2000)}`, "api"],
  ])("for %s is %s", (target, want) => {
    expect(met(paths, asks(target))).toBe(want);
  });

  test("is none where no path matches", () => {
    expect(met({ api: { path: prefix("/api") } }, asks("/"))).toBeUndefined();
  });

  test("has a method rather than headers, headers rather than parameters, more rather than fewer", () => {
    const rules = {
      plain: {},
      query: { queryParams: [header("a", "1"), header("b", "2")] },
      header: { headers: [header("x", "1")] },
      headers: { headers: [header("x", "1"), header("y", "2")] },
      method: { method: "POST" },
    };
    expect(met(rules, asks("/"))).toBe("plain");
    expect(met(rules, asks("/?b=2&a=1"))).toBe("query");
    expect(met(rules, asks("/?b=2&a=1", { fields: ["x", "1"] }))).toBe("header");
    expect(met(rules, asks("/", { fields: ["y", "2", "x", "1"] }))).toBe("headers");
    expect(met(rules, asks("/", { method: "POST", fields: ["y", "2", "x", "1"] }))).toBe("method");
  });

  test("has the longer prefix rather than more headers", () => {
    const rules = { long: { path: prefix("/a/b") }, headers: { path: prefix("/a"), headers: [header("x", "1")] } };
    expect(met(rules, asks("/a/b/c", { fields: ["x", "1"] }))).toBe("long");
  });

  test("falls back to a shorter path when the headers of the longer are not met", () => {
    const rules = { long: { path: exact("/a/b"), headers: [header("x", "1")] }, short: { path: prefix("/a") } };
    expect(met(rules, asks("/a/b"))).toBe("short");
  });

  test.each([
    ["a.example.com", "exact"],
    ["a.example.com:8080", "exact"],
    ["A.EXAMPLE.com", "exact"],
    ["b.example.com", "wide"],
    ["x.b.example.com", "wide"],
    ["example.com", "any"],
    ["x.in.example.com", "narrow"],
  ])("for the host %s is %s", (authority, want) => {
    const rules = {
      any: { path: exact("/") },
      wide: { hosts: ["*.example.com"] },
      narrow: { hosts: ["*.in.example.com"] },
      exact: { hosts: ["a.example.com"] },
    };
    expect(met(rules, asks("/", { authority }))).toBe(want);
  });

  test("is the first given of equals", () => {
    expect(met({ first: {}, second: {} }, asks("/"))).toBe("first");
  });

  test("compares a field that stands twice as one list, and parameters decoded", () => {
    expect(met({ list: { headers: [header("x", "1,2")] } }, asks("/", { fields: ["x", "1", "x", "2"] }))).toBe("list");
    expect(met({ q: { queryParams: [header("a b", "c&d")] } }, asks("/?z&a+b=c%26d"))).toBe("q");
    expect(met({ q: { queryParams: [header("a", "%zz")] } }, asks("/?a=%zz"))).toBe("q");
  });
});

/** The precedence as the Gateway API states it, rule by rule. */
function metByTheBook(rules: readonly RouteRule[], { method, target, fields }: RoutedRequest): string | undefined {
  const [path = "", query = ""] = target.split("?");
  const found = rules.flatMap(({ source, matches }, index) =>
    matches.filter((match) => isMet(match)).map((match) => ({ source, rank: [...rank(match), -index] })),
  );
  return found.toSorted((a, b) => compare(b.rank, a.rank))[0]?.source;

  function isMet(match: RouteMatch): boolean {
    const { type, value } = match.path;
    const start = value.replace(/\/$/, "");
    const isPath = type === "Exact" ? path === value : path === start || path.startsWith(`${start}/`);
    const isMethod = match.method === undefined || match.method === method;
    const hasFields = match.headers.every(
      ({ name, value: want }) => fields[fields.indexOf(name) + 1] === want && fields.includes(name),
    );
    const params = new URLSearchParams(query);
    return isPath && isMethod && hasFields && match.queryParams.every((each) => params.get(each.name) === each.value);
  }

  function rank({ path: of, method: wanted, headers, queryParams }: RouteMatch): number[] {
    const length = of.type === "Exact" ? 10_000 : of.value.replace(/\/$/, "").length;
    return [length, wanted === undefined ? 0 : 1, headers.length, queryParams.length];
  }

  function compare(a: readonly number[], b: readonly number[]): number {
    for (const [index, each] of a.entries()) if (each !== b[index]) return each - (b[index] as number);
    return 0;
  }
}

test("is the same as when every rule is tried by the book", () => {
  const segment = fc.constantFrom("a", "b", "ab");
  const path = fc.array(segment, { maxLength: 3 }).map((segments) => `/${segments.join("/")}`);
  const pair = fc.record({
    type: fc.constant("Exact" as const),
    name: fc.constantFrom("x", "y"),
    value: fc.constantFrom("1", "2"),
  });
  const match = fc.record({
    path: fc.record({ type: fc.constantFrom("Exact" as const, "PathPrefix" as const), value: path }),
    headers: fc.uniqueArray(pair, { maxLength: 2, selector: ({ name }) => name }),
    queryParams: fc.uniqueArray(pair, { maxLength: 2, selector: ({ name }) => name }),
    method: fc.option(fc.constantFrom("GET", "POST"), { nil: undefined }),
  });
  const rules = fc.array(fc.array(match, { minLength: 1, maxLength: 3 }), { maxLength: 12 });
  const value = fc.constantFrom("1", "2");
  const request = fc.record({
    path,
    method: fc.constantFrom("GET", "POST"),
    x: fc.option(value),
    y: fc.option(value),
    q: fc.option(value),
  });
  fc.assert(
    fc.property(rules, request, (lists, { path: at, method, x, y, q }) => {
      const all = lists.map((matches, index) => routeRule(String(index), { matches }));
      const fields = [...(x === null ? [] : ["x", x]), ...(y === null ? [] : ["y", y])];
      const asked = asks(q === null ? at : `${at}?x=${q}`, { method, fields });
      expect(new RouteTable(all).find(asked)?.rule.source).toBe(metByTheBook(all, asked));
    }),
    { numRuns: 2000 },
  );
});
