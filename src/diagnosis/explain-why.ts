import { type Attribution, attributeLatency } from "./attribution.ts";
import { abandonmentAt } from "./callers.ts";
import { type ErrorView, errorView } from "./error-view.ts";
import { estimateLatency } from "./estimate.ts";
import { lateAgents } from "./lateness.ts";
import type { Compared } from "./load.ts";
import { type Call, entriesAt, joinCalls, type KnownNodes, type Observation, topOf } from "./observation.ts";
import { type Leaving, rank } from "./ranking.ts";
import { milliseconds } from "./replicas.ts";
import type { Change, Culprit, TimeSpan, WhyReport } from "./report.ts";
import { hopParts, hopTimes, inflationOf, latencySuspects, type SuspectOptions } from "./suspects.ts";

export interface WhyQuestion extends KnownNodes {
  /** Node that the user asks about, such as `shop/checkout`. */
  readonly service: string;
  readonly window: TimeSpan;
  readonly baseline: TimeSpan;
  readonly current: Observation;
  readonly before: Observation;
  /** What happened in or shortly before the window, by time. */
  readonly changes: readonly Change[];
}

/** Fewer entry requests than this in a window say nothing. */
const ENTRIES_MIN = 10;

interface Pictures {
  readonly top: string;
  readonly baseline: Attribution;
  readonly current: Attribution;
  readonly errors: ErrorView;
}

/**
 * Where a bad experience of a service's callers comes from: compares two spans of time, lays the difference in time and in
 * failures on hops, and names the guilty ones with the evidence. The same input always gives the same report.
 */
export function explainWhy(question: WhyQuestion): WhyReport {
  const top = topOf(question.service, [...question.current.totals, ...question.before.totals], question.roles);
  const [before, now] = [joinCalls(question.before.samples), joinCalls(question.current.samples)];
  const joined = [wholeEntries(top, before.calls), wholeEntries(top, now.calls)] as const;
  const areJoined = joined.every((entries) => entries.length >= ENTRIES_MIN) && areLinked(top, question, now.calls);
  const [baseline, current] = areJoined
    ? [attributeLatency(joined[0]), attributeLatency(joined[1])]
    : [estimateLatency(top, question.before.totals), estimateLatency(top, question.current.totals)];
  const errors = errorView({ top, question, before: before.calls, now: now.calls });
  return reportOf(question, { top, baseline, current, errors });
}

/** Entries whose trace was kept regardless of how it went, so that their mean is not that of the worst. */
function wholeEntries(top: string, calls: readonly Call[]): readonly Call[] {
  const entries = entriesAt(top, calls);
  const ordinary = entries.filter((call) => (call.client ?? call.server)?.kept !== "flow");
  const isSampled = ordinary.some((call) => (call.client ?? call.server)?.kept === "sampled");
  return isSampled ? ordinary : entries;
}

/** Whether programs forward trace context, so that the calls of a request hang together. */
function areLinked(top: string, question: WhyQuestion, calls: readonly Call[]): boolean {
  const inner = calls.filter((call) => call.from !== top && call.client !== undefined && call.from !== "external");
  const linked = new Set(calls.flatMap((call) => call.children));
  const callers = new Set(calls.filter((call) => call.server !== undefined).map((call) => call.to));
  const expected = inner.filter((call) => callers.has(call.from));
  if (expected.length === 0) return question.current.samples.length > 0;
  return expected.filter((call) => linked.has(call)).length / expected.length > 0.5;
}

function reportOf(question: WhyQuestion, pictures: Pictures): WhyReport {
  const { baseline, current, errors } = pictures;
  const compared = comparedOf(question);
  const late = lateAgents(compared, question.replicas);
  const parts = hopParts(baseline, current);
  const inflation = inflationOf(parts, baseline.meanMs);
  const options = { baseline, current, parts, inflation, roles: question.roles, compared, late };
  const base = {
    service: question.service,
    window: question.window,
    baseline: question.baseline,
    latency: { baselineMs: baseline.meanMs, currentMs: current.meanMs },
    errorRate: { baseline: errors.baseline.rate, current: errors.current.rate },
    hops: hopTimes(options),
    changes: question.changes,
  };
  if (Math.max(current.entries, errors.current.requests) < ENTRIES_MIN) {
    const summary = `${question.service} had too few requests in the window to say anything; look again after some traffic.`;
    return { ...base, status: "insufficient-data", summary, culprits: [] };
  }
  const suspects = latencySuspects(options);
  const leaving = leavingOf(pictures, compared);
  const culprits = rank({ suspects, errors, baseline, current, inflation, leaving });
  const [first] = culprits;
  if (first !== undefined) return { ...base, status: "culprit", summary: first.summary, culprits };
  const contention = contentionOf(options);
  if (contention !== undefined)
    return { ...base, status: "culprit", summary: contention.summary, culprits: [contention] };
  if (Math.min(baseline.entries, Math.max(errors.baseline.requests, baseline.entries)) < ENTRIES_MIN) {
    const summary = `There were too few requests before the window to compare ${question.service} with.`;
    return { ...base, status: "insufficient-data", summary, culprits: [] };
  }
  const summary = `${question.service} is as it was: ${milliseconds(current.meanMs)} a request, ${percent(errors.current.rate)} failed.`;
  return { ...base, status: "healthy", summary, culprits: [] };
}

function comparedOf({ before, current, window, baseline }: WhyQuestion): Compared {
  const seconds = ({ fromMs, toMs }: TimeSpan): number => Math.max(1, (toMs - fromMs) / 1000);
  return { before, now: current, beforeSeconds: seconds(baseline), nowSeconds: seconds(window) };
}

/** Callers who leave sooner than an answer ever took leave by themselves; who leave later had waited in vain. */
function leavingOf({ top, baseline }: Pictures, { before, now }: Compared): Leaving | undefined {
  const [old, fresh] = [abandonmentAt(top, before.totals), abandonmentAt(top, now.totals)];
  if (fresh.left === 0 || fresh.patienceMs > baseline.meanMs) return undefined;
  return { rise: fresh.share - old.share, left: fresh.left, patienceMs: fresh.patienceMs, usualMs: baseline.meanMs };
}

/** All hops slower by a like factor is what a host without spare processor time looks like. */
function contentionOf({
  baseline,
  current,
  inflation,
}: Pick<SuspectOptions, "baseline" | "current" | "inflation">): Culprit | undefined {
  const riseMs = current.meanMs - baseline.meanMs;
  if (inflation < 2 || riseMs < 20 || baseline.entries < ENTRIES_MIN) return undefined;
  return {
    hop: "host",
    cause: "host-contention",
    share: 1,
    confidence: 0.5,
    summary: `Everything slowed down alike, about ${inflation.toFixed(1)} times: the hosts are short of processor time, no single hop is to blame.`,
    evidence: [`the mean request went from ${milliseconds(baseline.meanMs)} to ${milliseconds(current.meanMs)}`],
    next: "Look at the hosts' load (`top`), and at what else runs on them.",
  };
}

function percent(rate: number): string {
  return `${(rate * 100).toFixed(rate > 0 && rate < 0.1 ? 1 : 0)} %`;
}
