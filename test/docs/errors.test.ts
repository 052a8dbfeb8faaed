import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Glob } from "bun";
import { PROBLEM_CODES } from "#model";
import { errorsPage } from "./errors-page.ts";

test("the errors page says what the table says", () => {
  expect(readFileSync("docs/reference/errors.md", "utf8")).toBe(errorsPage());
});

test("every code is used, and every code used is in the table", () => {
  const sources = [...new Glob("{src,examples}/**/*.{ts,tsx}").scanSync(".")].filter(
    (file) => file !== "src/model/problem-codes.ts" && !file.includes(".test."),
  );
  const used = new Set(sources.flatMap((file) => readFileSync(file, "utf8").match(/\bHDL_[A-Z0-9_]+\b/g) ?? []));
  expect([...used].filter((code) => !(code in PROBLEM_CODES))).toEqual([]);
  expect(Object.keys(PROBLEM_CODES).filter((code) => !used.has(code))).toEqual([]);
});
