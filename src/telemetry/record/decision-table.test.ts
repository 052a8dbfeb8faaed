import { expect, test } from "bun:test";
import { DecisionTable } from "./decision-table.ts";
import { RequestRecord } from "./request-record.ts";

function decided(edge: number, shape: Partial<RequestRecord> = {}): RequestRecord {
  const record = new RequestRecord();
  const request = { method: "GET", path: "/orders/1", authority: "orders", port: 8080 };
  return Object.assign(
    record,
    { edge },
    request,
    { verdict: "allow", policy: "AuthorizationPolicy/shop/a", rule: 0 },
    shape,
  );
}

const rowsOf = (table: DecisionTable) => table.take(0, (slot) => slot);

test("requests that are alike are one row, and are handed over once", () => {
  const table = new DecisionTable(16, 4);
  for (let id = 0; id < 100; id++) table.add(decided(1, { path: `/orders/${id}?page=${id}` }), true);
  table.add(decided(1, { method: "POST" }), true);
  table.add(decided(2), true);
  expect(rowsOf(table)).toMatchObject([
    { edge: 1, detail: "whole", method: "GET", path: "/orders/{*}", host: "orders", port: 8080, count: 100 },
    { edge: 1, method: "POST", count: 1 },
    { edge: 2, method: "GET", count: 1 },
  ]);
  expect(rowsOf(table)).toEqual([]);
  table.add(decided(1), true);
  expect(rowsOf(table)).toMatchObject([{ edge: 1, method: "GET", count: 1 }]);
});

test("what differs in what was decided, or in what it was decided from, is another row", () => {
  const table = new DecisionTable(16, 4);
  const shapes: readonly Partial<RequestRecord>[] = [
    {},
    { verdict: "deny", policy: "default-deny", rule: -1 },
    { observedVerdict: "deny", observedPolicy: "p" },
    { token: "none" },
    { token: "verified", issuer: "https://login.example" },
    { verdict: "deny", endReason: "external-denied" },
    { port: 9090 },
    { rule: 1 },
    { authority: "orders:8080" },
  ];
  for (let pass = 0; pass < 2; pass++) for (const shape of shapes) table.add(decided(1, shape), true);
  const rows = rowsOf(table);
  expect(rows.map(({ count }) => count)).toEqual(shapes.map(() => 2));
  expect(rows[4]).toMatchObject({ token: "verified", issuer: "https://login.example", verdict: "allow" });
  expect(rows[5]).toMatchObject({ verdict: "deny", isExternal: true });
});

test("a caller that asks for ever new paths is told of by less, and takes no other's rows", () => {
  const table = new DecisionTable(4096, 4);
  for (let index = 0; index < 5000; index++) table.add(decided(1, { path: `/p-${index % 50}/page-${index}` }), true);
  table.add(decided(2), true);
  const rows = rowsOf(table);
  const of = (detail: string) => rows.filter((row) => row.edge === 1 && row.detail === detail);
  expect(of("whole")).toHaveLength(128);
  expect(of("prefix")).toHaveLength(32);
  expect(of("caller")).toMatchObject([{ method: "", path: "", host: "" }]);
  expect(of("prefix")[0]).toMatchObject({ method: "GET", host: "" });
  expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(5001);
  expect(rows.at(-1)).toMatchObject({ edge: 2, path: "/orders/{*}" });
});

test("texts that are too long are left out", () => {
  const table = new DecisionTable(16, 4);
  table.add(decided(1, { path: `/a${"/b".repeat(200)}` }), true);
  table.add(decided(1, { authority: "h".repeat(300) }), true);
  table.add(decided(1, { method: "M".repeat(40) }), true);
  table.add(decided(1, { path: "*" }), true);
  expect(rowsOf(table)).toMatchObject([
    { detail: "prefix", path: "/a/*" },
    { detail: "prefix", path: "/orders/*" },
    { detail: "caller", path: "", count: 2 },
  ]);
});

test("a path that can be read in several ways is told whole, or not at all", () => {
  const table = new DecisionTable(512, 4);
  for (const path of ["/a/../admin", "/a/%2e%2e/b?x=%20", "/a;v=1", "/a//7", "/a/%2e%2e%2fadmin%2f0123456789"])
    table.add(decided(1, { path }), true);
  expect(rowsOf(table).map(({ detail, path }) => [detail, path])).toEqual([
    ["whole", "/a/../admin"],
    ["whole", "/a/%2e%2e/b"],
    ["whole", "/a;v=1"],
    ["caller", ""],
  ]);
  for (let index = 0; index < 300; index++) table.add(decided(1, { path: `/a/../page-${index}-x` }), true);
  const details = rowsOf(table).map(({ detail }) => detail);
  expect([details.includes("whole"), details.includes("prefix"), details.includes("caller")]).toEqual([
    true,
    false,
    true,
  ]);
});

test("a decision that finds no row is counted", () => {
  const table = new DecisionTable(2, 4);
  for (const path of ["/a", "/b", "/c", "/d"]) table.add(decided(1, { path }), true);
  table.add(decided(0), false);
  expect(rowsOf(table)).toHaveLength(2);
  expect([table.takeUnrecorded(), table.takeUnrecorded(), table.unrecorded]).toEqual([3, 0, 3]);
});

test("silent rows are forgotten, and found anew when they are asked for again", () => {
  const table = new DecisionTable(2, 4);
  table.add(decided(1, { path: "/a" }), true);
  table.add(decided(2, { path: "/b" }), true);
  table.take(1000, (slot) => slot);
  table.add(decided(2, { path: "/b" }), true);
  const isHeld = table.expire(2000);
  expect([1, 2].map(isHeld)).toEqual([false, true]);
  table.add(decided(1, { path: "/c" }), true);
  table.add(decided(1, { path: "/a" }), true);
  expect(table.take(3000, (slot) => slot)).toMatchObject([
    { edge: 2, path: "/b", count: 1 },
    { edge: 1, path: "/c", count: 1 },
  ]);
  expect(table.takeUnrecorded()).toBe(1);
});
