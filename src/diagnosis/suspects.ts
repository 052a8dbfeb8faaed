import type { Attribution, Part, PartKind, PartStatistics } from "./attribution.ts";
import type { LateAgents } from "./lateness.ts";
import { type Compared, explainByLoad } from "./load.ts";
import type { NodeRole } from "./observation.ts";
import { milliseconds, ownParts, slowReplica } from "./replicas.ts";
import type { Cause, HopTime } from "./report.ts";
import { slowVersion, versionsOf } from "./versions.ts";

/** One hop that may be to blame for time, before the ranking. All times in ms per entry request unless said otherwise. */
export interface Suspect {
  readonly node: string;
  readonly hop: string;
  readonly cause: Cause;
  /** What it adds beyond what the whole host slowed down by. */
  readonly excessMs: number;
  /** How many standard errors that is. */
  readonly sigmas: number;
  readonly perVisit: { readonly baselineMs: number; readonly currentMs: number };
  readonly evidence: readonly string[];
}

interface HopPart {
  readonly kind: PartKind;
  readonly hop: string;
  readonly baseline: Sum;
  readonly current: Sum;
}

interface Sum {
  perEntryMs: number;
  variance: number;
  visits: number;
  totalMs: number;
}

const INFLATION_MAX = 3;
/** Fewer visits than this have no spread worth the name. */
const VISITS_MIN = 5;
/** Parts below this share of the entry's time are too small to tell the host's inflation by. */
const TELLING_SHARE = 0.03;

/** The decomposition of both windows, replicas added up, the greatest first. */
export function hopParts(baseline: Attribution, current: Attribution): readonly HopPart[] {
  const hops = new Map<string, HopPart>();
  const add = (statistics: PartStatistics, which: "baseline" | "current"): void => {
    const { kind, hop } = statistics.part;
    const known = hops.get(`${kind}\n${hop}`) ?? { kind, hop, baseline: emptySum(), current: emptySum() };
    hops.set(`${kind}\n${hop}`, known);
    const sum = known[which];
    sum.perEntryMs += statistics.perEntryMs;
    sum.variance += statistics.variance;
    sum.visits += statistics.visits;
    sum.totalMs += statistics.totalMs;
  };
  for (const statistics of baseline.parts.values()) add(statistics, "baseline");
  for (const statistics of current.parts.values()) add(statistics, "current");
  return [...hops.values()].sort((a, b) => b.current.perEntryMs - a.current.perEntryMs);
}

/** The factor by which everything slowed down alike: a low quantile over the hops, so that one culprit does not raise it. */
export function inflationOf(parts: readonly HopPart[], baselineMs: number): number {
  const ratios = parts
    .filter((each) => each.baseline.perEntryMs > Math.max(0.05, baselineMs * TELLING_SHARE))
    .map((each) => each.current.perEntryMs / each.baseline.perEntryMs)
    .sort((a, b) => a - b);
  const ratio = ratios[Math.floor((ratios.length - 1) * 0.4)] ?? 1;
  return Math.min(INFLATION_MAX, Math.max(1, ratio));
}

export interface SuspectOptions {
  readonly baseline: Attribution;
  readonly current: Attribution;
  /** Of these two, the greatest first. */
  readonly parts: readonly HopPart[];
  /** The factor by which everything slowed down alike. */
  readonly inflation: number;
  readonly roles: ReadonlyMap<string, NodeRole>;
  readonly compared: Compared;
  readonly late: LateAgents;
}

/** Every hop that takes longer than the host's inflation explains, the most first. */
export function latencySuspects(options: SuspectOptions): readonly Suspect[] {
  const { parts, inflation } = options;
  return parts
    .filter((part) => excessOf(part, inflation) > 0)
    .map((part) => suspectOf(part, options))
    .sort((a, b) => b.excessMs - a.excessMs);
}

const excessOf = ({ baseline, current }: HopPart, inflation: number): number =>
  current.perEntryMs - baseline.perEntryMs * inflation;

function suspectOf(part: HopPart, options: SuspectOptions): Suspect {
  const { baseline, current, inflation } = options;
  const excessMs = excessOf(part, inflation);
  const error = Math.sqrt(
    part.current.variance / Math.max(1, current.entries) +
      (part.baseline.variance * inflation * inflation) / Math.max(1, baseline.entries),
  );
  const perVisit = { baselineMs: perVisitOf(part.baseline), currentMs: perVisitOf(part.current) };
  const blamed = blameOf(part, options);
  const evidence = [
    `${partName(part)} went from ${milliseconds(perVisit.baselineMs)} to ${milliseconds(perVisit.currentMs)} per call`,
    `that adds ${milliseconds(excessMs)} to the mean request`,
    ...(blamed.evidence === undefined ? [] : [blamed.evidence]),
    ...(inflation > 1.15
      ? [`everything else slowed down by ${Math.round((inflation - 1) * 100)} %, already taken off`]
      : []),
  ];
  const sigmas = error === 0 ? Math.sqrt(current.entries) : part.current.visits < VISITS_MIN ? 0 : excessMs / error;
  return { node: part.hop, hop: blamed.hop, cause: blamed.cause, excessMs, sigmas, perVisit, evidence };
}

interface Blamed {
  readonly hop: string;
  readonly cause: Cause;
  readonly evidence?: string;
}

/** Who a slow part is laid on: what explains it best, from the outside in; the hop itself when nothing does. */
function blameOf(part: HopPart, options: SuspectOptions): Blamed {
  const { current, roles, compared, late } = options;
  const lateNode = part.hop.split(" → ").find((node) => late.nodes.has(node));
  if (lateNode !== undefined && !late.areAll) {
    const share = Math.round((late.nodes.get(lateNode) ?? 0) * 100);
    return {
      hop: lateNode,
      cause: "proxy",
      evidence: `the agent of ${lateNode} was late in ${share} % of the seconds`,
    };
  }
  const cause = causeOf(part, roles);
  if (part.kind !== "own") return { hop: part.hop, cause };
  const times = ownParts(part.hop, current).map(({ part: { replica }, visits, totalMs }) => ({
    replica,
    visits,
    totalMs,
  }));
  const byLoad = explainByLoad(part.hop, times, compared);
  if (byLoad !== undefined) return byLoad;
  const version = slowVersion(part.hop, times, versionsOf(part.hop, compared.now.totals));
  if (version !== undefined) return { ...version, cause: "bad-version" };
  const replica = slowReplica(part.hop, current);
  return replica === undefined
    ? { hop: part.hop, cause }
    : { hop: replica.replica, cause: "bad-replica", evidence: replica.evidence };
}

/** The table for people: one row a hop and cause. */
export function hopTimes({ parts, roles }: Pick<SuspectOptions, "parts" | "roles">): readonly HopTime[] {
  const rows = new Map<string, HopTime>();
  for (const part of parts) {
    const cause = causeOf(part, roles);
    const key = `${part.hop}\n${cause}`;
    const known = rows.get(key);
    rows.set(key, {
      hop: part.hop,
      cause,
      baselineMs: (known?.baselineMs ?? 0) + part.baseline.perEntryMs,
      currentMs: (known?.currentMs ?? 0) + part.current.perEntryMs,
    });
  }
  return [...rows.values()].sort((a, b) => b.currentMs - a.currentMs);
}

function causeOf(part: Pick<Part, "kind" | "hop">, roles: ReadonlyMap<string, NodeRole>): Cause {
  switch (part.kind) {
    case "own":
      return roles.get(part.hop) === "load-balancer" ? "load-balancer" : "application";
    case "transit":
      return "network";
    case "client-agent":
    case "server-agent":
      return "proxy";
  }
}

function partName(part: HopPart): string {
  switch (part.kind) {
    case "own":
      return `${part.hop}'s own time`;
    case "transit":
      return `the way ${part.hop}`;
    case "client-agent":
      return `${part.hop}'s agent before it sends a call`;
    case "server-agent":
      return `${part.hop}'s agent before the app gets a call`;
  }
}

function perVisitOf(sum: Sum): number {
  return sum.totalMs / Math.max(sum.visits, 1e-9);
}

function emptySum(): Sum {
  return { perEntryMs: 0, variance: 0, visits: 0, totalMs: 0 };
}
