import { expect, test } from "bun:test";
import { codeInFragment } from "./session.ts";

test.each([
  ["#code=aZ09_-", "aZ09_-"],
  ["", "none"],
  ["#code=", "none"],
  ["#code=a/b", "none"],
  ["#map&code=abc", "none"],
  [`#code=${"a".repeat(513)}`, "none"],
])("the code in %p is %s", (fragment, code) => {
  expect(codeInFragment(fragment) ?? "none").toBe(code);
});
