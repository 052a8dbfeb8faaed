/** What a report's figures say, in the words of the table and of the page. */
import type { CaseReport, PeerAbout, PeerValue, Target } from "./report.ts";
import { median } from "./statistics.ts";

/** One line: a peer's figure in one metric. */
export interface Line {
  readonly peer: string;
  /** Median with its unit. */
  readonly value: string;
  /** Half the distance between the extremes of the rounds, as a share of the median. */
  readonly spread: string;
  /** Heddle ÷ peer; empty for Heddle itself. */
  readonly ratio: string;
  readonly verdict: string;
}

/** Three figures that count. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function targetText(target: Target, better: "lower" | "higher"): string {
  const sign = better === "lower" ? "≤" : "≥";
  return target.kind === "ratio" ? `${sign} ${target.limit.toFixed(2)} ×` : `${sign} ${target.limit}`;
}

const isReached = ({ target, better }: CaseReport, value: number): boolean =>
  better === "lower" ? value <= target.limit : value >= target.limit;

function spreadOf({ runs, metric }: CaseReport, peer: string): string {
  const values = runs.filter((run) => run.peer === peer).map((run) => run.values[metric] ?? Number.NaN);
  if (values.length < 2 || !values.every(Number.isFinite)) return "";
  return `±${Math.round(((Math.max(...values) - Math.min(...values)) / 2 / median(values)) * 100)} %`;
}

/** Requests of a peer that failed, over all rounds. */
function failures({ runs }: CaseReport, peer: string): number {
  return runs.reduce((sum, run) => sum + (run.peer === peer ? run.failed : 0), 0);
}

/** A turn that could not be taken at all has no value, and one failure. */
const invalid = (value: number, failed: number): string =>
  Number.isFinite(value) ? `INVALID: ${failed} requests failed` : "INVALID: it could not do this";

function heddleLine(report: CaseReport): Line {
  const { heddle, unit, target } = report;
  const failed = failures(report, "heddle");
  const reached = target.kind === "ratio" ? "" : isReached(report, heddle) ? "reached" : "MISSED";
  return {
    peer: "heddle",
    value: `${figure(heddle)} ${unit}`,
    spread: spreadOf(report, "heddle"),
    ratio: "",
    verdict: failed > 0 ? invalid(heddle, failed) : reached,
  };
}

function peerLine(report: CaseReport, { name, value, ratio }: PeerValue, isLess: boolean): Line {
  const failed = failures(report, name);
  const isComparable = failed + failures(report, "heddle") === 0;
  const reached = isReached(report, ratio) ? "reached" : "MISSED";
  const judged = isLess ? "does less" : reached;
  return {
    peer: name,
    value: `${figure(value)} ${report.unit}`,
    spread: spreadOf(report, name),
    ratio: isComparable ? `${ratio.toFixed(2)} ×` : "–",
    verdict: failed > 0 ? invalid(value, failed) : isComparable && report.target.kind === "ratio" ? judged : "",
  };
}

/** Heddle's line and then one for each peer. A figure from rounds with failed requests is compared with nothing. */
export function linesOf(report: CaseReport, peers: readonly PeerAbout[]): readonly Line[] {
  const doesLess = (name: string): boolean =>
    report.carries !== "tcp" && peers.some((peer) => peer.name === name && peer.layer === 4);
  return [heddleLine(report), ...report.peers.map((peer) => peerLine(report, peer, doesLess(peer.name)))];
}

/** The most that processes of others used in any round, in cores. */
export function worstNoise(cases: readonly CaseReport[]): number {
  return Math.max(0, ...cases.flatMap(({ runs }) => runs.map(({ othersCores }) => othersCores)));
}
