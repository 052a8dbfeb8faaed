/** `npm run bench -- page FILE`: the page of figures, made from the JSON of a run and from nothing else. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CaseReport, Report } from "../report.ts";
import { linesOf, targetText, worstNoise } from "../verdicts.ts";
import { bars, lines } from "./svg.ts";

const FOLDER = join(import.meta.dir, "../../docs/benchmarks");

interface Picture {
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

function barsOf({ cases }: Report, name: string, file: string): readonly Picture[] {
  const report = cases.find((each) => each.name === name);
  if (report === undefined) return [];
  const { title, metric, unit } = report;
  const values = [
    { label: "heddle", value: report.heddle ?? Number.NaN, isOwn: true },
    ...report.peers.map((peer) => ({ label: peer.name, value: peer.value ?? Number.NaN, isOwn: false })),
  ];
  const heading = `${title}: ${metric}`;
  return [{ file, title: heading, svg: bars({ title: `${heading} (${report.better} is better)`, unit }, values) }];
}

/** A series over cases: each tick is a case, by name. */
interface Over {
  readonly title: string;
  readonly file: string;
  readonly ticks: readonly (readonly [tick: string, caseName: string])[];
}

const OVERS: readonly Over[] = [
  {
    title: "CPU per request over connections, 1 KiB",
    file: "connections.svg",
    ticks: [
      ["1", "connections-1"],
      ["8", "connections-8"],
      ["64", "core"],
      ["512", "connections-512"],
    ],
  },
  {
    title: "CPU per request over the answer's size, 64 connections",
    file: "bodies.svg",
    ticks: [
      ["0", "body-0"],
      ["1 KiB", "core"],
      ["64 KiB", "body-65536"],
      ["1 MiB", "body-1048576"],
    ],
  },
  {
    title: "CPU per request over routes, 1 KiB, 64 connections",
    file: "routes.svg",
    ticks: [
      ["none", "core"],
      ["10", "routes-10"],
      ["1,000", "routes-1000"],
    ],
  },
  {
    title: "CPU per request over endpoints, 1 KiB, 64 connections",
    file: "endpoints.svg",
    ticks: [
      ["1", "core"],
      ["10", "endpoints-10"],
      ["100", "endpoints-100"],
    ],
  },
];

function linesOver({ cases, peers }: Report, { title, file, ticks }: Over): readonly Picture[] {
  const reports = ticks.map(([, name]) => cases.find((each) => each.name === `${name}/cpu`));
  const known = reports.filter((each) => each !== undefined);
  if (known.length < ticks.length) return [];
  const figureOf = (each: CaseReport, name: string): number | undefined =>
    name === "heddle" ? each.heddle : each.peers.find((peer) => peer.name === name)?.value;
  const series = peers.map(({ name }) => ({
    label: name,
    isOwn: name === "heddle",
    // JSON has null for what could not be measured.
    values: known.map((each) => figureOf(each, name) ?? Number.NaN),
  }));
  const chart = { title: `${title} (lower is better)`, unit: "µs" };
  const names = ticks.map(([tick]) => tick);
  return [{ file, title, svg: lines(chart, names, series) }];
}

function picturesOf(report: Report): readonly Picture[] {
  return [
    ...barsOf(report, "core/cpu", "core-cpu.svg"),
    ...barsOf(report, "core/throughput", "core-throughput.svg"),
    ...OVERS.flatMap((over) => linesOver(report, over)),
    ...barsOf(report, "open-1000/cpu", "open-1000-cpu.svg"),
    ...barsOf(report, "open-40/p99", "open-40-p99.svg"),
    ...barsOf(report, "memory/loaded", "memory-loaded.svg"),
  ];
}

const row = (...cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

function tableOf(report: CaseReport, { peers }: Report): string {
  const target = targetText(report.target, report.better);
  const source = report.target.kind === "value" ? ` (${report.target.source})` : "";
  return [
    `### ${report.title}: ${report.metric}`,
    `${report.better === "lower" ? "Lower" : "Higher"} is better; target ${target}${source}.`,
    "",
    row("", "median", "spread", "Heddle ÷ peer", ""),
    "| --- | ---: | ---: | ---: | --- |",
    ...linesOf(report, peers).map(({ peer, value, spread, ratio, verdict }) =>
      row(peer, value, spread, ratio, verdict),
    ),
  ].join("\n");
}

/** What failed and what missed is told before anything else. */
function summary(report: Report): string {
  const told = report.cases.flatMap((each) =>
    linesOf(each, report.peers).map((line) => ({ ...line, name: each.name })),
  );
  const invalid = told.filter(({ verdict }) => verdict.startsWith("INVALID"));
  const missed = told.filter(({ verdict }) => verdict === "MISSED");
  const reached = told.filter(({ verdict }) => verdict === "reached");
  return [
    `${reached.length} comparisons reach their target, ${missed.length} miss it, ${invalid.length} figures are invalid.`,
    "",
    ...invalid.map(({ name, peer, verdict }) => `- ${name}, ${peer}: ${verdict}`),
    ...missed.map(({ name, peer, value, ratio }) => `- ${name}: ${peer === "heddle" ? value : `${ratio} ${peer}`}`),
  ].join("\n");
}

function circumstances({ machine, tools, peers, rounds, roundSeconds, cases, startedAt, skipped }: Report): string {
  const commands = [...new Set(cases.flatMap(({ runs }) => runs.map(({ command }) => command)))].filter(
    (command) => command !== "",
  );
  return [
    `Measured ${startedAt.slice(0, 10)}, ${rounds} rounds of ${roundSeconds} s, on ${machine.cores} cores of ${machine.processor},`,
    `${machine.memoryMiB.toLocaleString("en-US")} MiB, Linux ${machine.kernel}; ${machine.engine}; Heddle at ${machine.commit}. Others used at most`,
    `${worstNoise(cases).toFixed(2)} cores during any round that counts.`,
    "",
    row("peer", "version", "set up as"),
    "| --- | --- | --- |",
    ...peers.map(({ name, version, about }) => row(name, version, about)),
    "",
    ...Object.entries(tools).map(([tool, version]) => `- ${tool} ${version}`),
    ...skipped.map(({ name, reason }) => `- left out: ${name}, ${reason}`),
    "",
    "```text",
    ...commands,
    "```",
  ].join("\n");
}

function pageOf(report: Report, pictures: readonly Picture[]): string {
  return `# Benchmarks

This page is written by \`npm run bench -- page run.json\` from what \`npm run bench -- --json run.json\` measured; nobody edits it.
How it is measured, what differs between the peers and how to read it: [bench/README.md](../../bench/README.md). Every round is in
[run.json](run.json).

${report.quick ? "**A quick run: short rounds, and few. Good for a look, not for a claim.**\n\n" : ""}## In short
${summary(report)}

${pictures.map(({ file, title }) => `![${title}](${file})`).join("\n\n")}

## Figures
${report.cases.map((each) => tableOf(each, report)).join("\n\n")}

## Circumstances
${circumstances(report)}
`;
}

/** Writes the page, its pictures and the JSON itself to docs/benchmarks. */
export function writePage(file: string): void {
  const text = readFileSync(file, "utf8");
  const report: Report = JSON.parse(text);
  const pictures = picturesOf(report);
  mkdirSync(FOLDER, { recursive: true });
  for (const picture of pictures) writeFileSync(join(FOLDER, picture.file), picture.svg);
  writeFileSync(join(FOLDER, "run.json"), text);
  writeFileSync(join(FOLDER, "README.md"), pageOf(report, pictures));
}
