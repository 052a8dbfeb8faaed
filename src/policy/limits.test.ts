import { describe, expect, test } from "bun:test";
import type { RateLimit, RateLimitPolicy } from "#model";
import { rateLimit as limit, operations as to } from "../../test/fakes/rate-limits.ts";
import {
  type CompiledLimit,
  compileLimits,
  lowerRateLimitPolicy,
  policiesFor,
  type RequestAttributes,
  requestAttributes,
} from "./index.ts";

function policy(name: string, limits: readonly RateLimit[], change: Partial<RateLimitPolicy["spec"]> = {}) {
  const [namespace = "", own = ""] = name.split("/");
  const made: RateLimitPolicy = {
    apiVersion: "heddle.dev/v1",
    kind: "RateLimitPolicy",
    metadata: { namespace, name: own, labels: {}, annotations: {} },
    spec: { selector: undefined, limits, ...change },
  };
  return made;
}

const compiled = (...limits: RateLimit[]): readonly CompiledLimit[] =>
  compileLimits([lowerRateLimitPolicy(policy("shop/calm", limits))]) ?? [];

function request(change: Partial<RequestAttributes> = {}): RequestAttributes {
  return requestAttributes({
    principal: "shop.example/ns/shop/sa/front",
    namespace: "shop",
    method: "GET",
    path: "/orders",
    host: "orders:8080",
    port: 8080,
    ...change,
  });
}

describe("a limit counts", () => {
  const http = request();
  const bytes = request({ protocol: "tcp", method: "", path: "", host: "" });
  const byHeader = { by: { kind: "header", name: "x-user" } } as const;
  test.each<[string, Partial<RateLimit>, RequestAttributes, boolean]>([
    ["everything without conditions", {}, http, true],
    ["a method", to({ methods: ["GET"] }), http, true],
    ["no other method", to({ methods: ["POST"] }), http, false],
    ["what one of its operations names", to({ methods: ["POST"] }, { paths: ["/ord*"] }), http, true],
    ["all conditions of an operation together", to({ methods: ["POST"], paths: ["/ord*"] }), http, false],
    ["what is not excepted", to({ notPaths: ["/live"] }), http, true],
    ["nothing that is", to({ notPaths: ["/orders"] }), http, false],
    ["a host, with its port or without", to({ hosts: ["orders"] }), http, true],
    ["a port", to({ ports: ["8080"] }), http, true],
    ["an operation without conditions", to({}), http, true],
    [
      "a path that might be read as the one it names",
      to({ paths: ["/orders"] }),
      request({ path: "/x/../orders" }),
      true,
    ],
    ["a path that is written as the one it names", to({ paths: ["/x/*"] }), request({ path: "/x/../orders" }), true],
    ["connections without HTTP", {}, bytes, true],
    ["connections to a port", to({ ports: ["8080"] }), bytes, true],
    ["no connections where it speaks of HTTP", to({ methods: ["GET"] }), bytes, false],
    ["no connections where it speaks of what HTTP is not", to({ notPaths: ["/live"] }), bytes, false],
    ["requests by a header", byHeader, http, true],
    ["no connections by a header", byHeader, bytes, false],
  ])("%s", (_name, change, asked, want) => {
    expect(compiled(limit(change))[0]?.matches(asked)).toBe(want);
  });
});

test("limits have the names of their policies, in order", () => {
  const sets = [
    policy("heddle-system/all", [limit()]),
    policy("shop/calm", [limit({ name: "a" }), limit({ name: "b" })]),
  ];
  expect(compileLimits(sets.map(lowerRateLimitPolicy))?.map(({ label, index }) => [label, index])).toEqual([
    ["RateLimitPolicy/heddle-system/all#all", 0],
    ["RateLimitPolicy/shop/calm#a", 0],
    ["RateLimitPolicy/shop/calm#b", 1],
  ]);
});

test("no limits are none", () => {
  expect(compileLimits([])).toBeUndefined();
});

describe("the same limit in another configuration", () => {
  const identityOf = (...limits: RateLimit[]): readonly string[] => compiled(...limits).map(({ identity }) => identity);
  test.each<[string, Partial<RateLimit>, boolean]>([
    ["has the same identity", {}, true],
    ["may have another name", { name: "other" }, true],
    ["is another with other numbers", { requests: 11 }, false],
    ["is another with another time", { perMs: 999 }, false],
    ["is another with another burst", { burst: 9 }, false],
    ["is another with another key", { by: { kind: "caller" } }, false],
    ["is another with other conditions", to({ methods: ["GET"] }), false],
  ])("%s", (_name, change, isSame) => {
    expect(identityOf(limit(change))[0] === identityOf(limit())[0]).toBe(isSame);
  });

  test("stands elsewhere when one is written before it", () => {
    const [, second] = identityOf(limit({ requests: 1 }), limit());
    expect(second).toBe(identityOf(limit())[0] as string);
  });

  test("is not mistaken for its like, nor for another policy's", () => {
    const twice = identityOf(limit({ name: "a" }), limit({ name: "b" }));
    const others = compileLimits([lowerRateLimitPolicy(policy("shop/other", [limit()]))]) ?? [];
    expect(new Set([...twice, others[0]?.identity]).size).toBe(3);
  });
});

test("holds at the workloads that its selector names, of its namespace or, in the root namespace, of all", () => {
  const all = [
    policy("shop/b", [limit()], { selector: { app: "cart" } }),
    policy("shop/a", [limit()]),
    policy("shop/c", [limit()], { selector: { app: "other" } }),
    policy("prod/d", [limit()]),
    policy("heddle-system/e", [limit()]),
  ];
  const found = policiesFor({ namespace: "shop", labels: { app: "cart" } }, all, "heddle-system");
  expect(found.map(({ metadata }) => metadata.name)).toEqual(["e", "a", "b"]);
});
