import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";

test("every attack that the page names is tried by a test of that name", () => {
  const page = readFileSync("docs/internals/attacks.md", "utf8");
  const named = [...page.matchAll(/\| `([\w./-]+\.test\.ts)` "(.+)" \|$/gm)];
  const rows = page.split("\n").filter((line) => /^\| (?!attack|---)/.test(line));
  expect([named.length, rows.length > 30]).toEqual([rows.length, true]);
  const missing = named.filter(
    ([, file = "", name = ""]) => !existsSync(file) || !readFileSync(file, "utf8").includes(`"${name}"`),
  );
  expect(missing.map(([row]) => row)).toEqual([]);
});
