/** The table that a person reads at the end of a run. */
import type { Report } from "../report.ts";
import { linesOf, targetText, worstNoise } from "../verdicts.ts";

const HEADINGS = ["case", "peer", "median", "spread", "heddle ÷ peer", "target", ""];
/** Columns of numbers. */
const RIGHT = [2, 3, 4];

function rowsOf({ cases, peers }: Report): readonly (readonly string[])[] {
  return cases.flatMap((report) =>
    linesOf(report, peers).map(({ peer, value, spread, ratio, verdict }, index) => {
      const target = index === 0 ? targetText(report.target, report.better) : "";
      return [index === 0 ? report.name : "", peer, value, spread, ratio, target, verdict];
    }),
  );
}

export function tableOf(report: Report): string {
  const rows = [HEADINGS, ...rowsOf(report)];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const cells = (row: readonly string[]): readonly string[] =>
    row.map((cell, column) =>
      RIGHT.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
    );
  return [
    ...rows.map((row) => cells(row).join("  ").trimEnd()),
    ...report.skipped.map(({ name, reason }) => `skipped ${name}: ${reason}`),
    `others used at most ${worstNoise(report.cases).toFixed(2)} cores during any round`,
  ].join("\n");
}
