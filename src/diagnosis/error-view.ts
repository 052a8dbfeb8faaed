import { type EdgeTotals, nodeIdOf } from "#telemetry";
import { countOrigins, type OriginCount, toleratedEdges } from "./errors.ts";
import { type Call, entriesAt, isTrouble, type KnownNodes, type Observation } from "./observation.ts";
import { failingReplica, requestsByReplica } from "./replicas.ts";
import type { Cause } from "./report.ts";
import { failingVersion, versionsOf } from "./versions.ts";

/** Failures at the entry, and where they began. */
export interface ErrorView {
  readonly baseline: ErrorCount;
  readonly current: ErrorCount;
  /** What the failure rate rose by, laid on origins; the greatest first. */
  readonly origins: readonly ErrorOrigin[];
}

export interface ErrorCount {
  readonly requests: number;
  readonly failed: number;
  readonly rate: number;
}

export interface ErrorOrigin {
  readonly node: string;
  readonly hop: string;
  readonly cause: Cause;
  /** Rise of the entry's failure rate by this origin. */
  readonly rise: number;
  readonly failed: number;
  readonly evidence: readonly string[];
}

export interface ErrorQuestion {
  readonly top: string;
  readonly question: KnownNodes & {
    readonly current: Observation;
    readonly before: Observation;
  };
  readonly before: readonly Call[];
  readonly now: readonly Call[];
}

export function errorView({ top, question, before, now }: ErrorQuestion): ErrorView {
  const baseline = entryCount(top, question.before.totals);
  const current = entryCount(top, question.current.totals);
  const tolerated = toleratedEdges([...before, ...now]);
  const old = ratesOf(countOrigins(entriesAt(top, before), question, tolerated), baseline);
  const fresh = countOrigins(entriesAt(top, now), question, tolerated);
  const rates = ratesOf(fresh, current);
  const byHop = new Map<string, ErrorOrigin>();
  for (const origin of fresh) {
    const key = `${origin.hop}\n${origin.cause}`;
    if (byHop.has(key)) continue;
    const rise = (rates.get(key) ?? 0) - (old.get(key) ?? 0);
    byHop.set(key, locate(origin, { rise, like: fresh, totals: question.current.totals }));
  }
  return { baseline, current, origins: [...byHop.values()].sort((a, b) => b.rise - a.rise) };
}

interface Located {
  readonly rise: number;
  readonly like: readonly OriginCount[];
  readonly totals: readonly EdgeTotals[];
}

/** Narrows an origin down to one replica where only that one fails. */
function locate(origin: OriginCount, { rise, like, totals }: Located): ErrorOrigin {
  const alike = like.filter((each) => each.hop === origin.hop && each.cause === origin.cause);
  const failed = alike.reduce((sum, each) => sum + each.count, 0);
  const node = origin.hop.includes(" → ") ? (origin.hop.split(" → ")[1] ?? origin.hop) : origin.hop;
  const mayBeReplica = origin.cause === "application" || origin.cause === "network" || origin.cause === "certificate";
  const evidence = [`${origin.what} (${failed} of the failed requests seen)`];
  const version =
    origin.cause === "application"
      ? failingVersion(node, requestsByReplica(node, totals), versionsOf(node, totals))
      : undefined;
  if (version !== undefined)
    return { node, hop: version.hop, cause: "bad-version", rise, failed, evidence: [...evidence, version.evidence] };
  const replica = mayBeReplica ? failingReplica(node, totals) : undefined;
  if (replica === undefined) return { node, hop: origin.hop, cause: origin.cause, rise, failed, evidence };
  return { node, hop: replica.replica, cause: "bad-replica", rise, failed, evidence: [...evidence, replica.evidence] };
}

/** Sampled failures scaled to the counted ones, as a rate of all entry requests. */
function ratesOf(origins: readonly OriginCount[], entry: ErrorCount): Map<string, number> {
  const seen = origins.reduce((sum, each) => sum + each.count, 0);
  const rates = new Map<string, number>();
  for (const { hop, cause, count } of origins) {
    const key = `${hop}\n${cause}`;
    rates.set(key, (rates.get(key) ?? 0) + (count / Math.max(1, seen)) * entry.rate);
  }
  return rates;
}

/** Counted by the callers where they reported, since they see also what never arrived. */
function entryCount(top: string, totals: readonly EdgeTotals[]): ErrorCount {
  const into = totals.filter(({ edge }) => nodeIdOf(edge.destination) === top);
  const entering = into.length > 0 ? into : totals.filter(({ edge }) => nodeIdOf(edge.source) === top);
  const bySource = entering.filter(({ edge }) => edge.reporter === "source");
  const byDestination = entering.filter(({ edge }) => edge.reporter === "destination");
  const [source, destination] = [countOf(bySource), countOf(byDestination)];
  return source.requests >= destination.requests * 0.9 ? source : destination;
}

function countOf(totals: readonly EdgeTotals[]): ErrorCount {
  let [requests, failed] = [0, 0];
  for (const each of totals) {
    requests += each.count;
    if (isTrouble(each.status, each.endReason)) failed += each.count;
  }
  return { requests, failed, rate: failed / Math.max(1, requests) };
}
