import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundledFolder } from "./index.ts";

const CARRIED = Symbol.for("heddle.dev/carried-files");
const globals = globalThis as { [CARRIED]?: object };
const cacheHome = process.env["XDG_CACHE_HOME"];
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "heddle-carried-"));
  process.env["XDG_CACHE_HOME"] = join(folder, "cache");
  mkdirSync(join(folder, "inside"));
  for (const name of ["a", "b", "c"]) writeFileSync(join(folder, "inside", name), name);
  const places = { "page/a": "a", "page/deep/b": "b", "pages/c": "c" };
  const at = Object.fromEntries(Object.entries(places).map(([path, name]) => [path, join(folder, "inside", name)]));
  globals[CARRIED] = { digest: "d1", places: at };
});

afterEach(() => {
  delete globals[CARRIED];
  if (cacheHome === undefined) delete process.env["XDG_CACHE_HOME"];
  else process.env["XDG_CACHE_HOME"] = cacheHome;
  rmSync(folder, { recursive: true });
});

test("a carried folder is unpacked, and nothing beside it", async () => {
  const found = (await bundledFolder("page")) ?? "";
  expect(found).toBe(join(folder, "cache/heddle/d1/page"));
  expect(readFileSync(join(found, "a"), "utf8")).toBe("a");
  expect(readFileSync(join(found, "deep/b"), "utf8")).toBe("b");
  expect(() => readFileSync(join(found, "../pages/c"))).toThrow();
});

test("what was cut short is written again", async () => {
  const found = (await bundledFolder("page")) ?? "";
  writeFileSync(join(found, "a"), "");
  expect(await bundledFolder("page")).toBe(found);
  expect(readFileSync(join(found, "a"), "utf8")).toBe("a");
});

test("there is none where it is not carried, or where nothing can be written", async () => {
  expect(await bundledFolder("other")).toBeUndefined();
  process.env["XDG_CACHE_HOME"] = join(folder, "inside/a");
  expect(await bundledFolder("page")).toBeUndefined();
});
