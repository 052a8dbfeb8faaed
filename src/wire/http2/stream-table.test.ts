import { expect, test } from "bun:test";
import fc from "fast-check";
import { StreamTable } from "./stream-table.ts";

const step = fc.record({
  // Few, and far apart too, so that they meet in one slot before and after it grows.
  id: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constantFrom(33, 65, 129, 1025, 2 ** 31 - 1, 2 ** 31 - 33)),
  kind: fc.constantFrom("set", "set", "delete"),
});

test("holds what a map would hold", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const table = new StreamTable<object>();
      const map = new Map<number, object>();
      for (const { id, kind } of steps) {
        const value = { id };
        if (kind === "delete") expect(table.delete(id)).toBe(map.delete(id));
        else {
          table.set(id, value);
          map.set(id, value);
        }
        expect(table.size).toBe(map.size);
      }
      for (const { id } of steps) expect(table.get(id)).toBe(map.get(id));
      expect(new Set(table.values())).toEqual(new Set(map.values()));
    }),
    { numRuns: 1000 },
  );
});

test("what it held goes, however long the connection lasts", () => {
  const table = new StreamTable<object>();
  for (let id = 1; id < 2_000_001; id += 2) {
    table.set(id, { id });
    if (id > 101) expect(table.delete(id - 100)).toBe(true);
  }
  expect(table.size).toBe(51);
  expect(table.get(1_999_999)).toEqual({ id: 1_999_999 });
});
