import { readFileSync } from "node:fs";
import { Glob } from "bun";

export interface Block {
  readonly page: string;
  readonly line: number;
  /** Of the fence: `sh`, `yaml`, or "". */
  readonly language: string;
  /** What stands in a `run` comment just above, or undefined. */
  readonly run: string | undefined;
  readonly text: string;
}

export const PAGES: readonly string[] = [
  "README.md",
  "ARCHITECTURE.md",
  "SECURITY.md",
  "CONTRIBUTING.md",
  ...[...new Glob("docs/**/*.md").scanSync(".")].sort(),
];

/** The fenced blocks of a page, in order. */
export function blocksOf(page: string): readonly Block[] {
  const blocks: Block[] = [];
  const text = readFileSync(page, "utf8");
  for (const match of text.matchAll(/(?:<!-- run(?:: ([^\n]*?))? -->\n)?^```(\w*)\n([\s\S]*?)^```$/gm)) {
    const [whole, detail, language = "", body = ""] = match;
    const run = whole.startsWith("<!-- run") ? (detail ?? "") : undefined;
    blocks.push({ page, line: text.slice(0, match.index).split("\n").length, language, run, text: body });
  }
  return blocks;
}
