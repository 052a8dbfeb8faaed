import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { doorOf, files, type Import, imports, relativeDoor, rowOf } from "./imports.ts";
import { LAYERS, PURE } from "./layers.ts";

const where = (isBroken: (each: Import) => boolean): readonly string[] =>
  imports.filter(isBroken).map((each) => `${each.file} imports ${each.specifier}`);

test("every room is in the table, and every row is a room", () => {
  const rooms = new Set(files.map((file) => rowOf(doorOf(file))));
  expect([...rooms].sort()).toEqual(Object.keys(LAYERS).sort());
});

test("dependencies follow the table", () => {
  const forbidden = (each: Import): boolean => {
    if (each.inTest || !each.specifier.startsWith("#")) return false;
    const target = rowOf(each.specifier.slice(1));
    return target !== each.room && LAYERS[each.room]?.includes(target) !== true;
  };
  expect(where(forbidden)).toEqual([]);
});

test("the table has no cycle", () => {
  const walk = (room: string, path: readonly string[]): readonly string[] =>
    (LAYERS[room] ?? []).flatMap((next) =>
      path.includes(next) ? [[...path, next].join(" -> ")] : walk(next, [...path, next]),
    );
  expect(Object.keys(LAYERS).flatMap((room) => walk(room, [room]))).toEqual([]);
});

test("a room is entered by its door", () => {
  const aroundTheDoor = (each: Import): boolean =>
    // The version is the package's own; it has no other place.
    !each.specifier.endsWith("/package.json") &&
    each.specifier.startsWith(".") &&
    !each.inTest &&
    relativeDoor(each) !== doorOf(each.file);
  expect(where(aroundTheDoor)).toEqual([]);
});

test("pure rooms do no I/O", () => {
  const enters = (each: Import): boolean => /^(node:|bun)/.test(each.specifier);
  expect(where((each) => !each.inTest && PURE.includes(each.room) && enters(each))).toEqual([]);
});

test("pure rooms wait for nothing and read no clock, chance or environment", () => {
  const impure = /\bawait\b|\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bMath\.random\b|\bprocess\.env\b/;
  const code = (file: string): string => readFileSync(file, "utf8").replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
  const pure = files.filter((file) => PURE.includes(rowOf(doorOf(file))) && !file.includes(".test."));
  // The typed client in `api` only passes on the promises of the `fetch` it is given.
  expect(pure.filter((file) => !file.startsWith("src/api/client") && impure.test(code(file)))).toEqual([]);
});

test("only the engine names the engine", () => {
  const engineOnly =
    /^(bun$|bun:(?!test$)|node:(net|tls|http|http2|https|fs|child_process|dgram|worker_threads|os|crypto)\b)/;
  expect(where((each) => !each.inTest && each.room !== "engine" && engineOnly.test(each.specifier))).toEqual([]);
});

test("every package used is declared", () => {
  const { dependencies } = JSON.parse(readFileSync("package.json", "utf8"));
  const packageOf = (specifier: string): string =>
    specifier
      .split("/")
      .slice(0, specifier.startsWith("@") ? 2 : 1)
      .join("/");
  const own = /^(#|\.|node:|bun($|:))/;
  expect(
    where((each) => !each.inTest && !own.test(each.specifier) && !(packageOf(each.specifier) in dependencies)),
  ).toEqual([]);
});

test("no drawer: every file is named by what it is for", () => {
  expect(files.filter((file) => /(^|\/)(utils?|helpers?|common|misc|manager|types)(\.|\/|-)/.test(file))).toEqual([]);
});
