/**
 * Which incoming request of a program each of its outgoing calls was made for, where the program forwards no context: by timing.
 *
 * The approach is that of the TraceWeaver paper (Ashok et al., SIGCOMM 2024): a call lies within its request and follows an event of it,
 * and how soon it follows is learnt from the calls themselves, in several passes. Where the paper looks for the best set of mappings per
 * batch, this goes through time once a pass and keeps the likeliest joint explanations of what is open, at most `EXPLANATIONS_MAX`; how
 * many of them agree, by weight, is the confidence.
 */
import { type Action, Behaviour, END, type Progress, WAIT } from "./behaviour.ts";
import { callRates } from "./call-rates.ts";
import type { TimedSpan } from "./timed-span.ts";

export interface TimedParent {
  /** Index of the incoming request; undefined for a call that seems to be made for none. */
  readonly parent: number | undefined;
  /** How likely that is, 0 to 1. */
  readonly confidence: number;
}

const EXPLANATIONS_MAX = 40;
const PASSES = 6;
/** A call may begin this long after its request has ended. */
const LATE_US = 50_000;
/** The share of calls that is taken to belong to no request before anything is known. */
const ORPHANS = 0.005;
/** Logarithm of how much less likely than the best an explanation may be. */
const WORSE_MAX = 9;

interface Event {
  readonly atUs: number;
  readonly kind: "start" | "return" | "issue" | "end";
  readonly index: number;
}

/** At one moment: what comes in before what goes out, and an end last. */
const ORDER: Readonly<Record<Event["kind"], number>> = { start: 0, return: 1, issue: 2, end: 3 };

interface Known {
  readonly incoming: readonly TimedSpan[];
  readonly outgoing: readonly TimedSpan[];
  /** Class of each outgoing call. */
  readonly classOf: readonly Action[];
  readonly events: readonly Event[];
}

/** One joint explanation of what is open. */
interface Explanation {
  score: number;
  /** By index of the incoming request. */
  readonly open: Map<number, Progress>;
  /** Undecided outgoing call → incoming request, -1 for none. */
  readonly parents: Map<number, number>;
}

/** An explanation, and what a call is made for in one that goes on from it: -1 for nothing. */
interface Way {
  readonly from: Explanation;
  readonly parent: number;
  readonly score: number;
}

/** One answer for each outgoing call, in their order. Takes time in proportion to calls × requests open at once. */
export function joinByTiming(incoming: readonly TimedSpan[], outgoing: readonly TimedSpan[]): readonly TimedParent[] {
  const known = knownOf(incoming, outgoing);
  const rates = callRates(incoming, outgoing, known.classOf);
  let behaviour = new Behaviour(rates);
  let orphans = new Map<Action, number>();
  let joined: readonly TimedParent[] = [];
  for (let pass = 0; pass < PASSES; pass++) {
    joined = new Pass(known, behaviour, orphans).run();
    behaviour = new Behaviour(rates);
    learn(behaviour, known, joined);
    orphans = orphansOf(known, joined);
  }
  return joined;
}

function knownOf(incoming: readonly TimedSpan[], outgoing: readonly TimedSpan[]): Known {
  const classes = new Map<string, Action>();
  const classOf = outgoing.map(({ kind }) => {
    const found = classes.get(kind) ?? classes.size;
    classes.set(kind, found);
    return found;
  });
  const events: Event[] = [];
  for (const [index, { startUs, endUs }] of incoming.entries())
    events.push({ atUs: startUs, kind: "start", index }, { atUs: endUs, kind: "end", index });
  for (const [index, { startUs, endUs }] of outgoing.entries())
    events.push({ atUs: startUs, kind: "issue", index }, { atUs: endUs, kind: "return", index });
  events.sort((a, b) => a.atUs - b.atUs || ORDER[a.kind] - ORDER[b.kind]);
  return { incoming, outgoing, classOf, events };
}

/** Once through all events in order of time. */
class Pass {
  readonly #known: Known;
  readonly #behaviour: Behaviour;
  readonly #orphanScores: readonly number[];
  readonly #joined: TimedParent[];
  readonly #waiting = new Set<number>();
  #late: number[] = [];
  #explanations: Explanation[] = [{ score: 0, open: new Map(), parents: new Map() }];

  constructor(known: Known, behaviour: Behaviour, orphans: ReadonlyMap<Action, number>) {
    this.#known = known;
    this.#behaviour = behaviour;
    const spanUs = Math.max(1, (known.events.at(-1)?.atUs ?? 0) - (known.events[0]?.atUs ?? 0));
    const counts = Map.groupBy(known.classOf, (action) => action);
    this.#orphanScores = [...counts]
      .sort(([a], [b]) => a - b)
      .map(([action, each]) => Math.log(((orphans.get(action) ?? 0) + ORPHANS * each.length) / spanUs));
    this.#joined = known.outgoing.map(() => ({ parent: undefined, confidence: 0 }));
  }

  run(): readonly TimedParent[] {
    for (const event of this.#known.events) this.#take(event);
    for (const index of [...this.#waiting]) this.#decide(index);
    return this.#joined;
  }

  #take({ kind, index, atUs }: Event): void {
    switch (kind) {
      case "start":
        return this.#start(index, atUs);
      case "issue":
        return this.#issue(index, atUs);
      case "return":
        return this.#return(index, atUs);
      case "end":
        return this.#end(index, atUs);
    }
  }

  #start(index: number, atUs: number): void {
    const progress = this.#behaviour.start(this.#known.incoming[index]?.kind ?? "", atUs);
    for (const { open } of this.#explanations) open.set(index, progress);
    this.#forgetLate(atUs);
  }

  /** Each explanation goes on in as many as there are requests that the call may be made for; the likeliest stay. */
  #issue(index: number, atUs: number): void {
    this.#forgetLate(atUs);
    const action = this.#known.classOf[index] ?? 0;
    const ways = this.#ways(action, atUs);
    const best = ways.reduce((most, { score }) => Math.max(most, score), Number.NEGATIVE_INFINITY);
    const kept = ways.filter(({ score }) => score > best - WORSE_MAX).sort((a, b) => b.score - a.score);
    const made = new Map<Progress, Progress>();
    this.#explanations = kept.slice(0, EXPLANATIONS_MAX).map(({ from, parent, score }) => {
      const open = new Map(from.open);
      const progress = open.get(parent);
      if (progress !== undefined) {
        const next = made.get(progress) ?? this.#behaviour.issued(progress, action, atUs);
        made.set(progress, next);
        open.set(parent, next);
      }
      return { score: score - best, open, parents: new Map(from.parents).set(index, parent) };
    });
    this.#waiting.add(index);
  }

  #ways(action: Action, atUs: number): readonly Way[] {
    const scores = new Map<Progress, number>();
    const ways: Way[] = [];
    for (const from of this.#explanations) {
      ways.push({ from, parent: -1, score: from.score + (this.#orphanScores[action] ?? 0) });
      for (const [parent, progress] of from.open) {
        const score = scores.get(progress) ?? progress.moment.score(action, atUs - progress.atUs);
        scores.set(progress, score);
        ways.push({ from, parent, score: from.score + score });
      }
    }
    return ways;
  }

  #return(index: number, atUs: number): void {
    const action = this.#known.classOf[index] ?? 0;
    const made = new Map<Progress, Progress>();
    for (const each of this.#explanations) {
      const parent = each.parents.get(index) ?? -1;
      const progress = each.open.get(parent);
      if (progress === undefined) continue;
      if (progress.kind !== "end") each.score += progress.moment.score(WAIT);
      const next = made.get(progress) ?? this.#behaviour.returned(progress, action, atUs);
      made.set(progress, next);
      each.open.set(parent, next);
    }
    this.#settle(atUs);
  }

  #end(index: number, atUs: number): void {
    const made = new Map<Progress, Progress>();
    for (const each of this.#explanations) {
      const progress = each.open.get(index);
      if (progress === undefined) continue;
      each.score += progress.moment.score(END, atUs - progress.atUs);
      const next = made.get(progress) ?? this.#behaviour.ended(progress, atUs);
      made.set(progress, next);
      each.open.set(index, next);
    }
    this.#late.push(index);
    this.#settle(atUs);
  }

  #forgetLate(nowUs: number): void {
    const isOver = (index: number): boolean => (this.#known.incoming[index]?.endUs ?? 0) < nowUs - LATE_US;
    if (!this.#late.some(isOver)) return;
    for (const index of this.#late.filter(isOver)) for (const { open } of this.#explanations) open.delete(index);
    this.#late = this.#late.filter((index) => !isOver(index));
  }

  /** Decides what can be: calls that were answered, when all requests that they may be made for have ended. */
  #settle(nowUs: number): void {
    this.#explanations.sort((a, b) => b.score - a.score);
    for (const index of this.#waiting) if (this.#isSettled(index, nowUs)) this.#decide(index);
  }

  #isSettled(index: number, nowUs: number): boolean {
    if ((this.#known.outgoing[index]?.endUs ?? 0) > nowUs) return false;
    return this.#explanations.every(({ parents, open }) => {
      const parent = parents.get(index) ?? -1;
      const progress = open.get(parent);
      return progress === undefined || progress.kind === "end";
    });
  }

  #decide(index: number): void {
    this.#waiting.delete(index);
    const [first] = this.#explanations;
    if (first === undefined) return;
    const parent = first.parents.get(index) ?? -1;
    let all = 0;
    let agreeing = 0;
    for (const { score, parents } of this.#explanations) {
      const weight = Math.exp(score - first.score);
      all += weight;
      if ((parents.get(index) ?? -1) === parent) agreeing += weight;
    }
    for (const { parents } of this.#explanations) parents.delete(index);
    this.#joined[index] = { parent: parent < 0 ? undefined : parent, confidence: agreeing / all };
  }
}

/** Counts what each request did, with the calls that it was given. */
function learn(behaviour: Behaviour, known: Known, joined: readonly TimedParent[]): void {
  const calls = Map.groupBy(joined.keys(), (index) => joined[index]?.parent ?? -1);
  for (const [index, { kind, startUs }] of known.incoming.entries()) {
    let progress = behaviour.start(kind, startUs);
    for (const event of eventsOf(known, index, calls.get(index) ?? [])) {
      const weight = event.kind === "end" ? 1 : (joined[event.index]?.confidence ?? 0);
      progress = observe(behaviour, progress, { event, action: known.classOf[event.index] ?? 0, weight });
    }
  }
}

/** What happened to one request, and to the calls that were made for it. */
function eventsOf({ incoming, outgoing }: Known, index: number, calls: readonly number[]): readonly Event[] {
  const events: Event[] = [{ atUs: incoming[index]?.endUs ?? 0, kind: "end", index }];
  for (const call of calls) {
    events.push({ atUs: outgoing[call]?.startUs ?? 0, kind: "issue", index: call });
    events.push({ atUs: outgoing[call]?.endUs ?? 0, kind: "return", index: call });
  }
  return events.sort((a, b) => a.atUs - b.atUs || ORDER[a.kind] - ORDER[b.kind]);
}

function observe(
  behaviour: Behaviour,
  progress: Progress,
  { event, action, weight }: { readonly event: Event; readonly action: Action; readonly weight: number },
): Progress {
  const gapUs = event.atUs - progress.atUs;
  if (event.kind === "issue") {
    progress.moment.observe(action, gapUs, weight);
    return behaviour.issued(progress, action, event.atUs);
  }
  if (event.kind === "end") {
    progress.moment.observe(END, gapUs, weight);
    const over = behaviour.ended(progress, event.atUs);
    // Most that have ended do nothing more.
    over.moment.observe(WAIT, LATE_US, weight);
    return over;
  }
  if (progress.kind !== "end") progress.moment.observe(WAIT, gapUs, weight);
  return behaviour.returned(progress, action, event.atUs);
}

function orphansOf({ classOf }: Known, joined: readonly TimedParent[]): Map<Action, number> {
  const orphans = new Map<Action, number>();
  for (const [index, { parent }] of joined.entries()) {
    const action = classOf[index] ?? 0;
    if (parent === undefined) orphans.set(action, (orphans.get(action) ?? 0) + 1);
  }
  return orphans;
}
