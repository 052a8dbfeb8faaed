/** Joins by timing for the programs that forward no context, from what their agents saw. */
import { nodeIdOf, type ObservedRequest, type Party } from "#telemetry";
import { joinByTiming } from "./join-by-timing.ts";
import type { TimedSpan } from "./timed-span.ts";

export interface JoinedRequest {
  /** What the program was asked, as its own agent saw it. */
  readonly request: ObservedRequest;
  /** How likely it is that the call was made for it, 0 to 1. */
  readonly confidence: number;
}

/** What is less likely than this is not shown as a part of a trace. */
const CONFIDENCE_MIN = 0.5;

interface Program {
  readonly incoming: ObservedRequest[];
  readonly outgoing: ObservedRequest[];
}

/**
 * Calls as their caller's agent saw them → the request that each was made for. Calls of one program are looked at together; a program
 * of which any call carries a context on is left out: it says itself what belongs together.
 */
export function joinPrograms(samples: readonly ObservedRequest[]): ReadonlyMap<ObservedRequest, JoinedRequest> {
  const programs = new Map<string, Program>();
  for (const sample of samples) {
    const { edge } = sample;
    const isIncoming = edge.reporter === "destination";
    const party = isIncoming ? edge.destination : edge.source;
    if (sample.doneUs < sample.receivedUs || party.instance === "") continue;
    const program = programOf(programs, party);
    (isIncoming ? program.incoming : program.outgoing).push(sample);
  }
  const joined = new Map<ObservedRequest, JoinedRequest>();
  for (const program of programs.values()) if (!isForwarding(program)) join(program, joined);
  return joined;
}

function programOf(programs: Map<string, Program>, party: Party): Program {
  const key = `${nodeIdOf(party)} ${party.instance}`;
  const known = programs.get(key) ?? { incoming: [], outgoing: [] };
  programs.set(key, known);
  return known;
}

function isForwarding({ incoming, outgoing }: Program): boolean {
  const spans = new Set(incoming.map(({ traceId, spanId }) => `${traceId}/${spanId}`));
  return outgoing.some(({ traceId, parentSpanId }) => spans.has(`${traceId}/${parentSpanId}`));
}

function join({ incoming, outgoing }: Program, joined: Map<ObservedRequest, JoinedRequest>): void {
  if (incoming.length === 0 || outgoing.length === 0) return;
  const parents = joinByTiming(incoming.map(servedSpan), outgoing.map(madeSpan));
  for (const [index, { parent, confidence }] of parents.entries()) {
    const [call, request] = [outgoing[index], parent === undefined ? undefined : incoming[parent]];
    if (call !== undefined && request !== undefined && confidence >= CONFIDENCE_MIN)
      joined.set(call, { request, confidence });
  }
}

/** While the program had it. */
function servedSpan(sample: ObservedRequest): TimedSpan {
  const { sentUs, receivedUs, doneUs, method, path } = sample;
  return { kind: `${method} ${templateOf(path)}`, startUs: sentUs > 0 ? sentUs : receivedUs, endUs: doneUs };
}

function madeSpan({ edge, receivedUs, doneUs, method, path }: ObservedRequest): TimedSpan {
  return { kind: `${nodeIdOf(edge.destination)} ${method} ${templateOf(path)}`, startUs: receivedUs, endUs: doneUs };
}

/** Parts of a path with a digit name one thing of many. */
function templateOf(path: string): string {
  return path
    .split("/")
    .map((part) => (/\d/.test(part) ? "*" : part))
    .join("/");
}
