import { describe, expect, test } from "bun:test";
import { formatTraceparent, parseTraceparent } from "./index.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

describe("a traceparent that is continued", () => {
  const cases: readonly [string, string, boolean][] = [
    ["sampled", `00-${TRACE}-${SPAN}-01`, true],
    ["not sampled", `00-${TRACE}-${SPAN}-00`, false],
    ["unknown flags beside the sampled one", `00-${TRACE}-${SPAN}-ff`, true],
    ["a later version", `01-${TRACE}-${SPAN}-01`, true],
    ["a later version with more fields", `cc-${TRACE}-${SPAN}-01-what-comes`, true],
  ];
  test.each(cases)("%s", (_name, value, sampled) => {
    expect(parseTraceparent(value)).toEqual({ traceId: TRACE, parentId: SPAN, sampled });
  });
});

describe("a traceparent that is not continued", () => {
  const cases: readonly [string, string][] = [
    ["empty", ""],
    ["upper case", `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ["a zero trace", `00-${"0".repeat(32)}-${SPAN}-01`],
    ["a zero span", `00-${TRACE}-${"0".repeat(16)}-01`],
    ["the invalid version", `ff-${TRACE}-${SPAN}-01`],
    ["version 00 with more fields", `00-${TRACE}-${SPAN}-01-x`],
    ["a later version with more after the flags but no dash", `01-${TRACE}-${SPAN}-01x`],
    ["a short trace", `00-${TRACE.slice(1)}-${SPAN}-01`],
    ["blanks", ` 00-${TRACE}-${SPAN}-01`],
  ];
  test.each(cases)("%s", (_name, value) => {
    expect(parseTraceparent(value)).toBeUndefined();
  });
});

test("what is formatted is parsed", () => {
  expect(parseTraceparent(formatTraceparent(TRACE, SPAN, true))).toEqual({
    traceId: TRACE,
    parentId: SPAN,
    sampled: true,
  });
});
