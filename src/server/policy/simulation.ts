/** What a change would do to the decisions that were recorded: which flip, whom that concerns, and what cannot be known. */
import type { FlipView, SimulationView } from "#api";
import { parseSpiffeId } from "#identity";
import { type MeshSnapshot, nextSnapshot } from "#mesh";
import { parseAddress, type Resource, type ResourceRef } from "#model";
import { type CallerAttributes, callerAttributes } from "#policy";
import type { Outcome, RecordedRequest } from "#policy/simulate";
import { nodeIdOf, type Party } from "#telemetry";
import type { RecordedDecision, StoredSpan } from "#telemetry/store";
import type { DecisionSource } from "./decision-view.ts";
import { overlaid } from "./overlay.ts";
import { ownersIn } from "./owners.ts";
import { egressBetween } from "./replayed-egress.ts";
import { replaysBetween } from "./replayed-workloads.ts";

export interface SimulatedChange {
  readonly given: readonly Resource[];
  readonly deleted: readonly ResourceRef[];
}

export interface SimulationOptions extends StoredSpan {
  readonly nowMs: number;
  readonly limit: number;
  /** Whoever may see one end of a call may see the call. */
  readonly isSeen: (namespace: string) => boolean;
  /** Lets others have their turn between two pages of recorded decisions. */
  readonly turn: () => Promise<void>;
}

/** Replays every decision of the span. Takes some seconds for a million kinds of request, in turns of some ten milliseconds. */
export async function simulate(
  { snapshot, decisions }: { readonly snapshot: MeshSnapshot; readonly decisions: DecisionSource },
  change: SimulatedChange,
  options: SimulationOptions,
): Promise<SimulationView> {
  const resources = overlaid(snapshot.inputs.resources, change.given, change.deleted);
  const after = nextSnapshot(snapshot, { resources });
  const replayOf = replaysBetween(snapshot, after, options.nowMs);
  const egressOf = egressBetween(snapshot, after, options.nowMs);
  const tally = new Tally(options, ownersIn(after));
  const callerOf = callersIn(snapshot);
  for (const page of decisions.decisions(options)) {
    for (const each of page) {
      const replay = replayOf(each.edge.destination);
      tally.add(each, replay?.(recordedRequest(each, callerOf), egressOf(each.edge)));
    }
    await options.turn();
  }
  return tally.view(decisions.decisionCoverage(options), [snapshot, after]);
}

function recordedRequest(decision: RecordedDecision, callerOf: CallerOf): RecordedRequest {
  const { source, protocol, mtls } = decision.edge;
  return {
    caller: callerOf(source.principal),
    sourceAddress: source.principal === "" ? parseAddress(source.instance) : undefined,
    mtls,
    protocol: protocol === "tcp" ? "tcp" : "http",
    port: decision.port,
    detail: decision.detail,
    method: decision.method,
    path: decision.path,
    host: decision.host,
    token: decision.token,
    issuer: decision.issuer,
    verdict: decision.verdict,
    isExternal: decision.isExternal,
  };
}

type CallerOf = (principal: string) => CallerAttributes;

const NOBODY: CallerAttributes = { principal: "", namespace: "", serviceAccount: "" };

function callersIn({ settings }: MeshSnapshot): CallerOf {
  const known = new Map<string, CallerAttributes>([["", NOBODY]]);
  return (principal) => {
    const held = known.get(principal);
    if (held !== undefined) return held;
    const id = parseSpiffeId(principal);
    const caller = id.ok ? callerAttributes(id.value, settings.trustDomain) : NOBODY;
    known.set(principal, caller);
    return caller;
  };
}

type Undecided = SimulationView["undecided"][number];

/** More kinds than this are counted and not told. */
const KEPT_MAX = 10_000;

/** Sums up what became of the decisions, each kind of request once, whatever was decided of it when. */
class Tally {
  readonly #options: SimulationOptions;
  readonly #ownerOf: (party: Party) => string;
  readonly #flips = new Map<string, FlipView>();
  readonly #undecided = new Map<string, Undecided>();
  readonly #gone = new Map<string, number>();
  readonly #sums = { replayed: 0, requests: 0, newlyDenied: 0, newlyAllowed: 0, undecidedRequests: 0 };
  readonly #unkept = { flips: 0, undecided: 0, hidden: 0 };

  constructor(options: SimulationOptions, ownerOf: (party: Party) => string) {
    this.#options = options;
    this.#ownerOf = ownerOf;
  }

  /** `outcome`: undefined where there is nothing that it could be decided by. */
  add(decision: RecordedDecision, outcome: Outcome | undefined): void {
    const sums = this.#sums;
    if (outcome === undefined) {
      if (this.#isHidden(decision)) return;
      const place = nodeIdOf(decision.edge.destination);
      this.#gone.set(place, (this.#gone.get(place) ?? 0) + decision.count);
      return;
    }
    sums.replayed++;
    sums.requests += decision.count;
    switch (outcome.kind) {
      case "same":
        return;
      case "flips":
        sums[outcome.to === "deny" ? "newlyDenied" : "newlyAllowed"] += decision.count;
        if (this.#isHidden(decision)) return;
        this.#unkept.flips += keep(this.#flips, decision, () => {
          const { to, label: by, rule, basis } = outcome;
          return { ...this.#told(decision), to, by, rule, basis };
        });
        return;
      case "unknown":
        sums.undecidedRequests += decision.count;
        if (this.#isHidden(decision)) return;
        this.#unkept.undecided += keep(this.#undecided, decision, () => ({
          ...this.#told(decision),
          missing: [...outcome.missing],
        }));
    }
  }

  view(
    coverage: ReturnType<DecisionSource["decisionCoverage"]>,
    snapshots: readonly [MeshSnapshot, MeshSnapshot],
  ): SimulationView {
    const { limit, fromMs } = this.#options;
    const [flips, undecided] = [this.#flips, this.#undecided].map((each) => [...each.values()].sort(byCount)) as [
      FlipView[],
      Undecided[],
    ];
    return {
      fromMs,
      recordedFromMs: coverage.fromMs ?? null,
      ...this.#sums,
      flips: flips.slice(0, limit),
      undecided: undecided.slice(0, limit),
      more: {
        flips: this.#unkept.flips + Math.max(0, flips.length - limit),
        undecided: this.#unkept.undecided + Math.max(0, undecided.length - limit),
        hidden: this.#unkept.hidden,
      },
      notes: [
        ...coverageNotes(coverage, fromMs),
        ...[...this.#gone].map(([place, count]) => `${place}: ${count} requests to what has no replica now`),
        ...changeNotes(...snapshots),
      ],
    };
  }

  #isHidden({ edge }: RecordedDecision): boolean {
    const { isSeen } = this.#options;
    const isHidden = !isSeen(edge.source.namespace) && !isSeen(edge.destination.namespace);
    if (isHidden) this.#unkept.hidden++;
    return isHidden;
  }

  #told({ edge, port, method, path, host, count, firstSeenMs, lastSeenMs }: RecordedDecision) {
    const { source, destination, protocol } = edge;
    return {
      source: nodeIdOf(source),
      principal: source.principal,
      address: source.instance,
      destination: nodeIdOf(destination),
      protocol,
      ...{ port, method, path, host },
      sourceOwner: this.#ownerOf(source),
      destinationOwner: this.#ownerOf(destination),
      ...{ count, firstSeenMs, lastSeenMs },
    };
  }
}

function byCount(a: { readonly count: number }, b: { readonly count: number }): number {
  return b.count - a.count;
}

/** Returns how many were not kept. */
function keep<T extends { count: number; firstSeenMs: number; lastSeenMs: number }>(
  into: Map<string, T>,
  { edge, port, method, path, host, token, issuer, count, firstSeenMs, lastSeenMs }: RecordedDecision,
  make: () => T,
): number {
  const { source, destination, protocol, mtls } = edge;
  const key = JSON.stringify([source, destination, protocol, mtls, port, method, path, host, token, issuer]);
  const known = into.get(key);
  if (known === undefined) {
    if (into.size >= KEPT_MAX) return 1;
    into.set(key, make());
    return 0;
  }
  known.count += count;
  known.firstSeenMs = Math.min(known.firstSeenMs, firstSeenMs);
  known.lastSeenMs = Math.max(known.lastSeenMs, lastSeenMs);
  return 0;
}

const HOUR_MS = 3_600_000;

function coverageNotes(
  { fromMs, unrecorded }: ReturnType<DecisionSource["decisionCoverage"]>,
  askedMs: number,
): readonly string[] {
  if (fromMs === undefined) return ["nothing was recorded yet"];
  const since = new Date(fromMs).toISOString();
  return [
    ...(fromMs > askedMs + HOUR_MS ? [`nothing was recorded before ${since}`] : []),
    ...(unrecorded > 0
      ? [`${unrecorded} decisions found no room at their agents, and nothing else is known of them`]
      : []),
  ];
}

/** Parts of the change that are not decisions of policies, or depend on the time. */
function changeNotes(before: MeshSnapshot, after: MeshSnapshot): readonly string[] {
  const isScheduled = [before, after].some(({ access }) =>
    access.policies.some(({ spec }) => spec.schedule.length > 0 || spec.expiresAtMs !== undefined),
  );
  return [
    ...(isScheduled ? ["policies with a schedule or an end were taken as they are now"] : []),
    ...(before.limitPolicies === after.limitPolicies ? [] : ["what a RateLimitPolicy turns away is not simulated"]),
    ...(before.routes === after.routes && before.services === after.services
      ? []
      : ["where routes and services would send requests is not simulated"]),
  ];
}
