import { type Call, replicaOf, spanOf } from "./observation.ts";

/** A part of the path that can be slow by itself. */
export type PartKind = "own" | "client-agent" | "server-agent" | "transit";

export interface Part {
  readonly kind: PartKind;
  /** Node for `own` and agents; `a → b` for transit. */
  readonly hop: string;
  /** The replica for `own`; else empty. */
  readonly replica: string;
}

/** Mean and spread of what one part adds to the entry's duration, and of one visit of it. Times in ms. */
export interface PartStatistics {
  readonly part: Part;
  readonly visits: number;
  readonly totalMs: number;
  readonly perVisitMs: number;
  /** Mean per entry request, over all entry requests. */
  readonly perEntryMs: number;
  /** Variance of the per-entry contribution that is due to the visits' durations, not to how often there was one. */
  readonly variance: number;
}

export interface Attribution {
  readonly entries: number;
  readonly meanMs: number;
  readonly parts: ReadonlyMap<string, PartStatistics>;
}

interface Tally {
  readonly part: Part;
  visits: number;
  sum: number;
  sumOfSquares: number;
}

const DEPTH_MAX = 64;

/** Lays every entry's duration on the parts of its critical path, so that the parts' means add up to the entry's mean. */
export function attributeLatency(entries: readonly Call[]): Attribution {
  const tallies = new Map<string, Tally>();
  let totalMs = 0;
  for (const entry of entries) {
    const path = new CriticalPath();
    const { startUs, endUs } = spanOf(entry);
    path.walk(entry, { startUs, endUs }, 0);
    totalMs += (endUs - startUs) / 1000;
    for (const [key, { part, ms, visits }] of path.parts) {
      const tally = tallies.get(key) ?? { part, visits: 0, sum: 0, sumOfSquares: 0 };
      tallies.set(key, tally);
      tally.visits += visits;
      tally.sum += ms;
      tally.sumOfSquares += ms * ms;
    }
  }
  const count = Math.max(1, entries.length);
  const parts = new Map([...tallies].map(([key, tally]) => [key, statisticsOf(tally, count)]));
  return { entries: entries.length, meanMs: totalMs / count, parts };
}

export function partKey(part: Part): string {
  return `${part.kind}\n${part.hop}\n${part.replica}`;
}

function statisticsOf(tally: Tally, entries: number): PartStatistics {
  const mean = tally.sum / entries;
  const visits = Math.max(1, tally.visits);
  const visitVariance = Math.max(0, tally.sumOfSquares / visits - (tally.sum / visits) ** 2);
  return {
    part: tally.part,
    visits: tally.visits,
    totalMs: tally.sum,
    perVisitMs: tally.sum / visits,
    perEntryMs: mean,
    variance: (visitVariance * visits) / entries,
  };
}

interface Interval {
  readonly startUs: number;
  readonly endUs: number;
}

/** One entry's time, walked backwards from its end: at each instant the call that ended last is what was being waited for. */
class CriticalPath {
  readonly parts = new Map<string, { readonly part: Part; ms: number; visits: number }>();

  walk(call: Call, within: Interval, depth: number): void {
    const { client, server } = call;
    const endUs = within.endUs;
    let cursor = within.startUs;
    if (client !== undefined) {
      const { chosenUs, sentUs, doneUs } = client;
      const decidedUs = chosenUs > 0 ? chosenUs : sentUs > 0 ? sentUs : doneUs;
      cursor = this.#stretch({ kind: "client-agent", hop: call.from, replica: "" }, cursor, Math.min(decidedUs, endUs));
      // From then on it waits for a connection, where it has none.
      const leftUs = Math.min(sentUs > 0 ? sentUs : doneUs, endUs);
      cursor = this.#stretch({ kind: "transit", hop: `${call.from} → ${call.to}`, replica: "" }, cursor, leftUs);
    }
    if (server === undefined) {
      const isUnsent = client !== undefined && client.sentUs === 0;
      if (!isUnsent) this.#stretch({ kind: "own", hop: call.to, replica: replicaOf(call) }, cursor, endUs);
      return;
    }
    this.#serverSide(call, { startUs: cursor, endUs }, depth);
  }

  /** Clocks of two hosts differ, so transit is what the callee's duration leaves over of the caller's, never a difference of stamps. */
  #serverSide(call: Call, within: Interval, depth: number): void {
    const server = call.server;
    if (server === undefined) return;
    const durationUs = server.doneUs - server.receivedUs;
    const availableUs = within.endUs - within.startUs;
    const transitUs = Math.max(0, availableUs - durationUs);
    if (call.client !== undefined)
      this.#add({ kind: "transit", hop: `${call.from} → ${call.to}`, replica: "" }, transitUs);
    const sentUs = server.sentUs > 0 ? server.sentUs : server.doneUs;
    const agentUs = Math.min(sentUs - server.receivedUs, availableUs - transitUs);
    this.#add({ kind: "server-agent", hop: call.to, replica: "" }, agentUs);
    const endUs = server.receivedUs + Math.min(durationUs, availableUs);
    if (server.sentUs > 0) this.#app(call, { startUs: sentUs, endUs }, depth);
  }

  #app(call: Call, within: Interval, depth: number): void {
    const own: Part = { kind: "own", hop: call.to, replica: replicaOf(call) };
    let ownUs = 0;
    let cursor = within.endUs;
    const byEnd = depth > DEPTH_MAX ? [] : call.children.toSorted((a, b) => spanOf(b).endUs - spanOf(a).endUs);
    for (const child of byEnd) {
      const { startUs, endUs } = spanOf(child);
      const from = Math.max(startUs, within.startUs);
      const to = Math.min(endUs, cursor);
      if (to <= from) continue;
      ownUs += cursor - to;
      this.walk(child, { startUs: from, endUs: to }, depth + 1);
      cursor = from;
    }
    this.#add(own, ownUs + Math.max(0, cursor - within.startUs));
  }

  #stretch(part: Part, fromUs: number, toUs: number): number {
    this.#add(part, Math.max(0, toUs - fromUs));
    return Math.max(fromUs, toUs);
  }

  #add(part: Part, us: number): void {
    const key = partKey(part);
    const known = this.parts.get(key);
    if (known === undefined) this.parts.set(key, { part, ms: Math.max(0, us) / 1000, visits: 1 });
    else {
      known.ms += Math.max(0, us) / 1000;
      known.visits++;
    }
  }
}
