import { type EdgeTotals, nodeIdOf } from "#telemetry";
import type { Attribution, PartStatistics } from "./attribution.ts";
import { isTrouble } from "./observation.ts";

/** Own time of one replica. */
export interface ReplicaTime {
  readonly replica: string;
  readonly visits: number;
  readonly totalMs: number;
}

export interface ReplicaFinding {
  readonly replica: string;
  readonly evidence: string;
}

/** What one of several must be slower by than the next, to be blamed alone. */
export const SLOWER_BY = 2.5;
export const SLOWER_MS = 3;

/** The one replica whose own time stands out from its sisters', if the slowdown is its alone. */
export function slowReplica(node: string, current: Attribution): ReplicaFinding | undefined {
  const replicas = ownParts(node, current).filter((each) => each.part.replica !== "" && each.visits >= 2);
  const [worst, second] = replicas.toSorted((a, b) => b.perVisitMs - a.perVisitMs);
  if (worst === undefined || second === undefined) return undefined;
  const stands = worst.perVisitMs > second.perVisitMs * SLOWER_BY && worst.perVisitMs > second.perVisitMs + SLOWER_MS;
  if (!stands) return undefined;
  const evidence = `${worst.part.replica} took ${milliseconds(worst.perVisitMs)} of its own per call, its slowest sister ${second.part.replica} ${milliseconds(second.perVisitMs)}`;
  return { replica: worst.part.replica, evidence };
}

/** The one replica that fails while its sisters do not. */
export function failingReplica(node: string, totals: readonly EdgeTotals[]): ReplicaFinding | undefined {
  const byReplica = requestsByReplica(node, totals);
  const rated = [...byReplica].map(([replica, { count, failed }]) => ({
    replica,
    count,
    failed,
    rate: failed / count,
  }));
  const [worst, second] = rated.toSorted((a, b) => b.rate - a.rate);
  if (worst === undefined || second === undefined || worst.failed < 3) return undefined;
  const others = rated.filter((each) => each !== worst);
  const sisters = { count: sumOf(others, "count"), failed: sumOf(others, "failed") };
  const sisterRate = sisters.failed / Math.max(1, sisters.count);
  if (sisters.count < 3 || worst.rate < sisterRate * 4 || worst.rate - sisterRate < 0.05) return undefined;
  const evidence = `${worst.replica} failed ${worst.failed} of ${worst.count} requests, its ${others.length === 1 ? "sister" : "sisters"} ${sisters.failed} of ${sisters.count}`;
  return { replica: worst.replica, evidence };
}

/** Requests of one replica, and how many of them failed. */
export interface Tally {
  readonly count: number;
  readonly failed: number;
}

/** The destination's count, which knows its replica surely; the callers' where they saw more fail, such as connections. */
export function requestsByReplica(node: string, totals: readonly EdgeTotals[]): Map<string, Tally> {
  const isAsked = ({ endReason }: EdgeTotals): boolean =>
    endReason !== "policy-denied" && endReason !== "egress-denied";
  const into = totals.filter((each) => nodeIdOf(each.edge.destination) === node && isAsked(each));
  const source = tallyByReplica(into.filter((each) => each.edge.reporter === "source"));
  const merged = tallyByReplica(into.filter((each) => each.edge.reporter === "destination"));
  for (const [replica, tally] of source) {
    const known = merged.get(replica);
    if (known === undefined || tally.failed > known.failed) merged.set(replica, tally);
  }
  return merged;
}

function tallyByReplica(totals: readonly EdgeTotals[]): Map<string, Tally> {
  const tallies = new Map<string, Tally>();
  for (const { edge, count, status, endReason } of totals) {
    const replica = edge.destination.instance;
    if (replica === "") continue;
    const known = tallies.get(replica) ?? { count: 0, failed: 0 };
    const failed = known.failed + (isTrouble(status, endReason) ? count : 0);
    tallies.set(replica, { count: known.count + count, failed });
  }
  return tallies;
}

export function ownParts(node: string, attribution: Attribution): PartStatistics[] {
  return [...attribution.parts.values()].filter(({ part }) => part.kind === "own" && part.hop === node);
}

function sumOf(items: readonly { count: number; failed: number }[], key: "count" | "failed"): number {
  return items.reduce((sum, each) => sum + each[key], 0);
}

export function milliseconds(ms: number): string {
  return ms >= 100 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}
