import type { CallView, TraceView } from "#api";
import { type Call, hasFailed, type JoinedCalls, joinCalls, joinPrograms, spanOf } from "#diagnosis";
import type { ObservedRequest } from "#telemetry";

/** A trace's calls as a tree written depth first; undefined without samples. */
export function traceViewOf(traceId: string, samples: readonly ObservedRequest[]): TraceView | undefined {
  return viewOf(traceId, joinCalls(samples));
}

/**
 * The same, with the calls that belong to the trace by timing alone, and those above it.
 * @param around What else the agents saw at the time: what is alike is learnt from it.
 */
export function timedTraceViewOf(
  traceId: string,
  trace: readonly ObservedRequest[],
  around: readonly ObservedRequest[],
): TraceView | undefined {
  const all = [...trace, ...around.filter((each) => each.traceId !== traceId)];
  const { roots } = joinCalls(all, joinPrograms(all));
  const own = roots.filter((root) =>
    callsOf(root).some(({ client, server }) => (client ?? server)?.traceId === traceId),
  );
  return viewOf(traceId, { roots: own, calls: own.flatMap(callsOf) });
}

function callsOf(call: Call): Call[] {
  return [call, ...call.children.flatMap(callsOf)];
}

function viewOf(traceId: string, { roots, calls }: JoinedCalls): TraceView | undefined {
  const ordered = roots.toSorted((a, b) => spanOf(a).startUs - spanOf(b).startUs);
  const [first] = ordered;
  if (first === undefined) return undefined;
  const startUs = spanOf(first).startUs;
  const endUs = calls.reduce((latest, call) => Math.max(latest, spanOf(call).endUs), startUs);
  return {
    traceId,
    atMs: startUs / 1000,
    durationMs: (endUs - startUs) / 1000,
    entry: first.to,
    failed: ordered.some(hasFailed),
    calls: ordered.flatMap((root) => rows(root, startUs, 0)),
  };
}

function rows(call: Call, startUs: number, depth: number): CallView[] {
  const own = rowOf(call, startUs, depth);
  return depth > 64 ? [own] : [own, ...call.children.flatMap((child) => rows(child, startUs, depth + 1))];
}

function rowOf(call: Call, startUs: number, depth: number): CallView {
  const { client, server } = call;
  const span = spanOf(call);
  const side = client ?? server;
  return {
    depth,
    source: call.from,
    destination: call.to,
    instance: server?.edge.destination.instance || call.edge.destination.instance,
    method: side?.method ?? "",
    path: side?.path ?? "",
    status: side?.status ?? 0,
    endReason: side?.endReason ?? "completed",
    startMs: (span.startUs - startUs) / 1000,
    durationMs: (span.endUs - span.startUs) / 1000,
    clientAgentMs: client === undefined ? null : beforeSentMs(client),
    transitMs: client === undefined || server === undefined ? null : transitMs(client, server),
    serverAgentMs: server === undefined ? null : beforeSentMs(server),
    appMs: server === undefined ? null : appMs(server),
    confidence: call.confidence ?? null,
  };
}

function beforeSentMs(side: ObservedRequest): number {
  return Math.max(0, (side.sentUs > 0 ? side.sentUs : side.doneUs) - side.receivedUs) / 1000;
}

function appMs({ sentUs, doneUs }: ObservedRequest): number | null {
  return sentUs === 0 ? null : (doneUs - sentUs) / 1000;
}

/** By durations, since the clocks of two hosts differ. */
function transitMs(client: ObservedRequest, server: ObservedRequest): number {
  if (client.sentUs === 0) return 0;
  return Math.max(0, client.doneUs - client.sentUs - (server.doneUs - server.receivedUs)) / 1000;
}
