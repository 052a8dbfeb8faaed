import { type Change, explainWhy, type KnownNodes, type Observation, type TimeSpan, type WhyReport } from "#diagnosis";
import { isFailure, nodeIdOf } from "#telemetry";
import type { TelemetryStore } from "#telemetry/store";

export interface WhyAsked {
  readonly service: string;
  readonly windowMs: number;
  readonly baselineMs: number;
  readonly nowMs: number;
  readonly nodes: KnownNodes;
  /** Configuration changes, which the store of resources knows. */
  readonly changes: readonly Change[];
}

/** Agents report each second; a window ends a little in the past so that both sides of it are in. */
const SETTLE_MS = 1500;
const SAMPLES_MAX = 20_000;
const NOTES_MAX = 10_000;
/** How many spans before the window are looked at for a calm one. */
const BASELINES_MAX = 6;
const ENTRIES_MIN = 10;
const CHANGES_BEFORE_MS = 60_000;

export function whyOf(store: TelemetryStore, asked: WhyAsked): WhyReport {
  const toMs = asked.nowMs - SETTLE_MS;
  const window = { fromMs: toMs - asked.windowMs, toMs };
  const baseline = calmSpan(store, asked, window.fromMs);
  return explainWhy({
    service: asked.service,
    window,
    baseline,
    current: observationOf(store, window),
    before: observationOf(store, baseline),
    ...asked.nodes,
    changes: changesIn(store, asked, window),
  });
}

function observationOf(store: TelemetryStore, span: TimeSpan): Observation {
  return {
    totals: store.totals(span),
    samples: store.samples({ ...span, limit: SAMPLES_MAX }),
    notes: store.events(span, NOTES_MAX),
  };
}

interface Candidate {
  readonly span: TimeSpan;
  readonly meanMs: number;
  readonly errorRate: number;
}

/**
 * The span to compare with: of the spans before the window, one of those with the fewest failures and of rather low, but not the
 * lowest, duration. The one just before may hold the same trouble; the very calmest would make ordinary times look bad.
 */
function calmSpan(store: TelemetryStore, asked: WhyAsked, endMs: number): TimeSpan {
  const just = { fromMs: endMs - asked.baselineMs, toMs: endMs };
  const candidates: Candidate[] = [];
  for (let step = 0; step < BASELINES_MAX; step++) {
    const span = { fromMs: just.fromMs - step * asked.baselineMs, toMs: just.toMs - step * asked.baselineMs };
    const candidate = candidateOf(store, asked.service, span);
    if (candidate !== undefined) candidates.push(candidate);
  }
  const fewest = Math.min(...candidates.map((each) => each.errorRate));
  const calm = candidates.filter((each) => each.errorRate <= fewest + 0.01).toSorted((a, b) => a.meanMs - b.meanMs);
  return calm[Math.floor((calm.length - 1) / 3)]?.span ?? just;
}

function candidateOf(store: TelemetryStore, service: string, span: TimeSpan): Candidate | undefined {
  let [count, failed, totalUs] = [0, 0, 0];
  for (const totals of store.totals(span)) {
    const { edge } = totals;
    if (nodeIdOf(edge.destination) !== service && nodeIdOf(edge.source) !== service) continue;
    count += totals.count;
    if (isFailure(totals.status, totals.endReason)) failed += totals.count;
    totalUs += totals.stagesUs.reduce((sum, each) => sum + each, 0);
  }
  if (count < ENTRIES_MIN) return undefined;
  return { span, meanMs: totalUs / count / 1000, errorRate: failed / count };
}

/** What agents do because something changed, or by the clock: no change that anybody made. */
const CONSEQUENCES: ReadonlySet<string> = new Set(["svid-rotated", "config-applied", "agent-late"]);

function changesIn(store: TelemetryStore, asked: WhyAsked, window: TimeSpan): Change[] {
  const span = { fromMs: window.fromMs - CHANGES_BEFORE_MS, toMs: window.toMs };
  const events = store.events(span, 200).filter(({ kind }) => !CONSEQUENCES.has(kind));
  const told = events.map(({ atMs, instance, kind, detail }) => ({
    atMs,
    what: `${instance}: ${kind}${detail === "" ? "" : ` (${detail})`}`,
  }));
  return [...told, ...asked.changes.filter((each) => each.atMs >= span.fromMs)]
    .sort((a, b) => b.atMs - a.atMs)
    .slice(0, 20);
}
