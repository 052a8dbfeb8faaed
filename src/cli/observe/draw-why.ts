import type { WhyView } from "#api";
import type { Palette } from "#engine/terminal";
import { clockTime, columns, ms, percent, withoutNamespace } from "./columns.ts";

const HOPS_MAX = 10;
const BAR_WIDTH = 24;
/** Hops that add less than this, before and now, are left out of the table. */
const NEGLIGIBLE_MS = 0.05;

/** A diagnosis for people: the verdict, where the time goes, the evidence, what changed, what to do next. */
export function drawWhy(report: WhyView, colours: Palette): string {
  const sections = [
    verdict(report, colours),
    decomposition(report, colours),
    culprits(report, colours),
    changes(report, colours),
  ];
  return `${sections
    .filter((section) => section.length > 0)
    .map((section) => section.join("\n"))
    .join("\n\n")}\n`;
}

function verdict(report: WhyView, colours: Palette): string[] {
  const { latency, errorRate } = report;
  const numbers = [
    `mean ${ms(latency.baselineMs)} → ${ms(latency.currentMs)}`,
    `failed ${percent(errorRate.baseline)} → ${percent(errorRate.current)}`,
  ].join("   ");
  const span = `${clockTime(report.window.fromMs)}–${clockTime(report.window.toMs)}, compared with ${clockTime(report.baseline.fromMs)}–${clockTime(report.baseline.toMs)}`;
  return [
    `${mark(report, colours)} ${colours.bold(report.summary)}`,
    `  ${report.service}   ${numbers}`,
    `  ${colours.dim(span)}`,
  ];
}

function mark(report: WhyView, colours: Palette): string {
  switch (report.status) {
    case "culprit":
      return colours.red("✗");
    case "healthy":
      return colours.green("✓");
    case "insufficient-data":
      return colours.yellow("?");
  }
}

function decomposition(report: WhyView, colours: Palette): string[] {
  const hops = report.hops.filter((hop) => Math.max(hop.baselineMs, hop.currentMs) >= NEGLIGIBLE_MS).slice(0, HOPS_MAX);
  if (hops.length === 0) return [];
  const short = withoutNamespace(hops.map((hop) => hop.hop));
  const longest = Math.max(...hops.map((hop) => hop.currentMs));
  const guilty = new Set(report.culprits.flatMap((each) => [each.hop, each.hop.replace(/-\d+$/, "")]));
  const rows = hops.map((hop) => {
    const change = hop.currentMs - hop.baselineMs;
    const sign = change >= 0 ? "+" : "−";
    return [short(hop.hop), hop.cause, ms(hop.baselineMs), ms(hop.currentMs), `${sign}${ms(Math.abs(change))}`];
  });
  const right = { align: "right" } as const;
  const heads = [
    { title: "hop" },
    { title: "if slow" },
    { title: "before", ...right },
    { title: "now", ...right },
    { title: "change", ...right },
  ];
  const [head = "", ...lines] = columns(heads, rows);
  const drawn = lines.map((line, index) => {
    const hop = hops[index];
    const bar = "█".repeat(Math.round(((hop?.currentMs ?? 0) / longest) * BAR_WIDTH));
    const isGuilty = hop !== undefined && (guilty.has(hop.hop) || guilty.has(hop.hop.slice(hop.hop.indexOf("/") + 1)));
    return isGuilty ? `  ${colours.red(`${line}  ${bar}`)}` : `  ${line}  ${colours.dim(bar)}`;
  });
  return [colours.bold("Where a mean request spends its time"), `  ${colours.dim(head)}`, ...drawn];
}

function culprits(report: WhyView, colours: Palette): string[] {
  return report.culprits.flatMap((culprit, index) => [
    ...(index > 0 ? [""] : []),
    `${colours.bold(`${index + 1}. ${culprit.hop}`)}  ${colours.red(culprit.cause)}  ${percent(culprit.share)} of the trouble, confidence ${percent(culprit.confidence)}`,
    ...(index > 0 ? [`   ${culprit.summary}`] : []),
    ...culprit.evidence.map((each) => `   • ${each}`),
    `   ${colours.cyan("→")} ${culprit.next}`,
  ]);
}

function changes(report: WhyView, colours: Palette): string[] {
  if (report.changes.length === 0) return [];
  const lines = report.changes.slice(0, 8).map((change) => `  ${colours.dim(clockTime(change.atMs))}  ${change.what}`);
  return [colours.bold("What changed"), ...lines];
}
