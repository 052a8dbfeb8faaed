import { expect, test } from "bun:test";
import { hasPrefix, hasShape, prefixOf, shapeHash, shapeOf } from "./path-shape.ts";

const CASES: readonly (readonly [path: string, shape: string, prefix: string])[] = [
  ["/", "/", "/*"],
  ["", "", "/*"],
  ["*", "{*}", "/*"],
  ["/orders", "/orders", "/*"],
  ["/orders/", "/orders/", "/orders/*"],
  ["/orders/1842", "/orders/{*}", "/orders/*"],
  ["/orders/1842?token=secret", "/orders/{*}", "/orders/*"],
  ["/orders/1842/items/7", "/orders/{*}/items/{*}", "/orders/*"],
  ["/v1/users", "/v1/users", "/v1/*"],
  ["/users/9b2f7a1e-4c5d-4f6a-8b9c-0d1e2f3a4b5c", "/users/{*}", "/users/*"],
  ["/blobs/9f86d081884c7d65", "/blobs/{*}", "/blobs/*"],
  ["/tokens/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/tokens/{*}", "/tokens/*"],
  ["/feedface/cafe", "/feedface/cafe", "/feedface/*"],
  ["/internationalization-settings", "/internationalization-settings", "/*"],
  ["/42/x", "/{*}/x", "/*"],
  [`/a/${"x".repeat(65)}`, "/a/{*}", "/a/*"],
  ["/a/{*}/b*", "/a/{*}/{*}", "/a/*"],
  ["//a//1", "//a//{*}", "//*"],
  ["/pkg.Service/Method", "/pkg.Service/Method", "/pkg.Service/*"],
];

test.each(CASES)("%s has the shape %s and the prefix %s", (path, shape, prefix) => {
  expect(shapeOf(path)).toBe(shape);
  expect(prefixOf(path)).toBe(prefix);
});

test("a path has its own shape and prefix, and no other's", () => {
  for (const [path] of CASES) {
    for (const [other] of CASES) {
      const isAlike = shapeOf(path) === shapeOf(other);
      expect([path, other, hasShape(path, shapeOf(other))]).toEqual([path, other, isAlike]);
      if (isAlike) expect(shapeHash(path)).toBe(shapeHash(other));
      expect([path, other, hasPrefix(path, prefixOf(other))]).toEqual([
        path,
        other,
        prefixOf(path) === prefixOf(other),
      ]);
    }
  }
});
