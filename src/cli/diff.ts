/** `heddle diff`: what applying files would change, line by line. */
import type { Command } from "commander";
import type { AppliedView } from "#api";
import { setExitStatus } from "#engine/processes";
import { palette, standardOutput } from "#engine/terminal";
import { readResources } from "./apply.ts";
import type { CommandContext } from "./context.ts";
import { ask, nameOf } from "./resources.ts";

/** Lines of both texts in order: ` ` in both, `-` only before, `+` only after. Longest common subsequence. */
export function diffLines(before: string, after: string): readonly string[] {
  const [left, right] = [before, after].map((text) => (text === "" ? [] : text.trimEnd().split("\n"))) as [
    string[],
    string[],
  ];
  const lengths = Array.from({ length: left.length + 1 }, () => new Uint32Array(right.length + 1));
  const at = (row: number, column: number): number => lengths[row]?.[column] ?? 0;
  for (let row = left.length - 1; row >= 0; row--) {
    for (let column = right.length - 1; column >= 0; column--) {
      const isSame = left[row] === right[column];
      const longest = isSame ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
      lengths[row]?.fill(longest, column, column + 1);
    }
  }
  return walk(left, right, at);
}

function walk(
  left: readonly string[],
  right: readonly string[],
  at: (row: number, column: number) => number,
): readonly string[] {
  const lines: string[] = [];
  let [row, column] = [0, 0];
  while (row < left.length || column < right.length) {
    const isSame = row < left.length && column < right.length && left[row] === right[column];
    if (isSame) lines.push(`  ${left[row++]}`);
    if (isSame) column += 1;
    else if (row < left.length && (column >= right.length || at(row + 1, column) >= at(row, column + 1)))
      lines.push(`- ${left[row++]}`);
    else lines.push(`+ ${right[column++]}`);
  }
  return lines;
}

/** Set by the server at each change: no one writes them, so that they are no difference. */
const STAMPS = /^ {2}(?:resourceVersion|uid|generation|creationTimestamp): .*\n/gm;

function draw({ changes }: AppliedView): string {
  const colours = palette(standardOutput().isColoured);
  const paint = (line: string): string =>
    line[0] === "+" ? colours.green(line) : line[0] === "-" ? colours.red(line) : line;
  const parts = changes
    .filter(({ action }) => action !== "unchanged")
    .map((each) => {
      const lines = diffLines(each.before.replace(STAMPS, ""), each.after.replace(STAMPS, ""));
      return [colours.bold(`${nameOf(each)} ${each.action}`), ...lines.map(paint)].join("\n");
    });
  return parts.length === 0 ? "" : `${parts.join("\n\n")}\n`;
}

export function register(command: Command, context: CommandContext): void {
  command
    .requiredOption("-f, --filename <path...>", "files or folders; - is standard input")
    .addHelpText("after", "\nThe exit status is 1 when something would change.")
    .action(async ({ filename }: { readonly filename: readonly string[] }) => {
      const files = await readResources(filename);
      if (!files.ok) return context.fail(files);
      const body = { files: files.value, dryRun: true };
      const applied = await ask<AppliedView>(context, { method: "POST", path: "/api/v1/apply", body });
      if (applied === undefined) return;
      context.show(applied, () => draw(applied));
      if (applied.changes.some(({ action }) => action !== "unchanged")) setExitStatus(1);
    });
}
