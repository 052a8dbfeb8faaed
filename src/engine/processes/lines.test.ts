import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LineSplitter } from "./lines.ts";

function split(...chunks: readonly string[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((text) => lines.push(text));
  for (const chunk of chunks) splitter.write(new TextEncoder().encode(chunk));
  splitter.end();
  return lines;
}

describe("a stream is cut into lines", () => {
  test.each([
    ["whole lines", ["a\nb\n"], ["a", "b"]],
    ["a line in parts", ["a", "b", "\n"], ["ab"]],
    ["CRLF", ["a\r\nb\r\n"], ["a", "b"]],
    ["a last line without an end", ["a\nb"], ["a", "b"]],
    ["empty lines", ["\n\na\n"], ["", "", "a"]],
    ["nothing", [], []],
  ])("%s", (_name, chunks, want) => {
    expect(split(...chunks)).toEqual(want);
  });

  test("an endless line is cut and marked, and what follows is whole", () => {
    const [first, second] = split("x".repeat(5000), "x".repeat(50_000), "\nnext\n");
    expect(first).toBe(`${"x".repeat(8192)}…`);
    expect(second).toBe("next");
  });

  test("chunk borders change nothing", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-zé\n\r]{0,20}$/)), (parts) => {
        const bytes = new TextEncoder().encode(parts.join(""));
        const lines: string[] = [];
        const splitter = new LineSplitter((text) => lines.push(text));
        for (const byte of bytes) splitter.write(Uint8Array.of(byte));
        splitter.end();
        expect(lines).toEqual(split(parts.join("")));
      }),
    );
  });
});
