import {
  type AgentEventKind,
  type EdgeKey,
  type EdgeTotals,
  type EndReason,
  isFailure,
  nodeIdOf,
  type ObservedRequest,
} from "#telemetry";
import type { JoinedRequest } from "./joining/join-programs.ts";

/** What was seen in one span of time. */
export interface Observation {
  readonly totals: readonly EdgeTotals[];
  readonly samples: readonly ObservedRequest[];
  readonly notes: readonly AgentNote[];
}

/** What an agent said of itself. */
export interface AgentNote {
  readonly atMs: number;
  readonly instance: string;
  readonly kind: AgentEventKind;
}

export type NodeRole = "service" | "gateway" | "load-balancer";

/** What the registry knows of the nodes now. */
export interface KnownNodes {
  /** Nodes that are not plain services. */
  readonly roles: ReadonlyMap<string, NodeRole>;
  readonly replicas: ReadonlyMap<string, readonly { readonly instance: string; readonly ready: boolean }[]>;
}

/** One call: what the caller's agent and the callee's agent saw of it. At least one side is there. */
export interface Call {
  readonly edge: EdgeKey;
  readonly from: string;
  readonly to: string;
  readonly client: ObservedRequest | undefined;
  readonly server: ObservedRequest | undefined;
  /** Calls that the callee made for this one, by start. */
  readonly children: Call[];
  /** How likely it was made for the call above it, 0 to 1, where timing alone says so. */
  readonly confidence?: number;
}

/** The node and the replica that answered, as well as either side knows. */
export function replicaOf(call: Call): string {
  return call.server?.edge.destination.instance || call.edge.destination.instance;
}

/** Whether either side saw the call go wrong. */
export function hasFailed(call: Call): boolean {
  return [call.client, call.server].some((side) => side !== undefined && isTrouble(side.status, side.endReason));
}

/** HTTP statuses by which a program tells its user no, often because it was told no itself. */
const REFUSALS: ReadonlySet<number> = new Set([401, 403, 429]);

/** Whether a user would complain: a failure, or a refusal, which a policy somewhere behind may be the reason of. */
export function isTrouble(status: number, reason: EndReason): boolean {
  return isFailure(status, reason) || (reason === "completed" && REFUSALS.has(status));
}

/** Start and end in µs, as the outermost side saw it. */
export function spanOf(call: Call): { readonly startUs: number; readonly endUs: number } {
  const side = call.client ?? call.server;
  return { startUs: side?.receivedUs ?? 0, endUs: side?.doneUs ?? 0 };
}

export interface JoinedCalls {
  readonly roots: Call[];
  readonly calls: Call[];
}

/**
 * Joins samples into trees by their span identifiers, and by timing where that is given. Returns the calls that have no parent among the
 * samples, and every call.
 */
export function joinCalls(samples: readonly ObservedRequest[], byTiming: ByTiming = new Map()): JoinedCalls {
  const bySpan = new Map<string, Call>();
  const calls: Call[] = [];
  const clients = samples.filter((each) => each.edge.reporter === "source");
  for (const client of clients) {
    const call = newCall(client.edge, client, undefined);
    calls.push(call);
    if (client.spanId !== "") bySpan.set(keyOf(client, client.spanId), call);
  }
  const byServerSpan = new Map<string, Call>();
  for (const server of samples) {
    if (server.edge.reporter !== "destination") continue;
    const call = withServer(bySpan.get(keyOf(server, server.parentSpanId)), server, calls);
    if (server.spanId !== "") byServerSpan.set(keyOf(server, server.spanId), call);
  }
  const byTrace = Map.groupBy(
    calls.filter((call) => call.server !== undefined),
    (call) => call.server?.traceId ?? "",
  );
  const roots = calls.filter((call) => {
    const parentId = call.client?.parentSpanId ?? "";
    const linked = call.client === undefined ? undefined : byServerSpan.get(keyOf(call.client, parentId));
    const parent = linked ?? timed(call, byTiming, byServerSpan) ?? enclosing(call, byTrace);
    if (parent === undefined || parent === call) return true;
    parent.children.push(call);
    return false;
  });
  for (const call of calls) call.children.sort((a, b) => spanOf(a).startUs - spanOf(b).startUs);
  return { roots, calls };
}

type ByTiming = ReadonlyMap<ObservedRequest, JoinedRequest>;

function timed(call: Call, byTiming: ByTiming, byServerSpan: ReadonlyMap<string, Call>): Call | undefined {
  const found = call.client === undefined ? undefined : byTiming.get(call.client);
  if (found === undefined) return undefined;
  Object.assign(call, { confidence: found.confidence });
  return byServerSpan.get(keyOf(found.request, found.request.spanId));
}

/** Clocks of two hosts may differ by this much before a call no longer seems to lie within another. */
const CLOCK_SLACK_US = 5000;

/** Where the caller's own sample of a call is missing: the caller's call of the same trace during which it came. */
function enclosing(call: Call, byTrace: ReadonlyMap<string, Call[]>): Call | undefined {
  const server = call.server;
  if (call.client !== undefined || server === undefined || server.traceId === "") return undefined;
  return byTrace
    .get(server.traceId)
    ?.find(
      ({ server: outer, to }) =>
        outer !== undefined &&
        outer !== server &&
        to === call.from &&
        outer.receivedUs <= server.receivedUs + CLOCK_SLACK_US &&
        outer.doneUs >= server.doneUs - CLOCK_SLACK_US,
    );
}

function keyOf(sample: ObservedRequest, spanId: string): string {
  return sample.traceId === "" || spanId === "" ? "" : `${sample.traceId}/${spanId}`;
}

function newCall(edge: EdgeKey, client: ObservedRequest | undefined, server: ObservedRequest | undefined): Call {
  return { edge, from: nodeIdOf(edge.source), to: nodeIdOf(edge.destination), client, server, children: [] };
}

/** A call of which the caller's side is known gets the callee's in place, so that references to it stay good. */
function withServer(known: Call | undefined, server: ObservedRequest, calls: Call[]): Call {
  if (known === undefined || known.server !== undefined) {
    const call = newCall(server.edge, undefined, server);
    calls.push(call);
    return call;
  }
  return Object.assign(known, { server });
}

/** The node from which the diagnosis walks down: the service, or the gateway or load balancer that stands in front of it. */
export function topOf(service: string, totals: readonly EdgeTotals[], roles: ReadonlyMap<string, NodeRole>): string {
  let top = service;
  for (let step = 0; step < 4; step++) {
    const front = totals.find(({ edge }) => {
      const from = nodeIdOf(edge.source);
      return nodeIdOf(edge.destination) === top && from !== top && (roles.get(from) ?? "service") !== "service";
    });
    if (front === undefined) return top;
    top = nodeIdOf(front.edge.source);
  }
  return top;
}

/** The calls that enter at a node: those made to it, or, for a gateway that no agent calls, those that it makes. */
export function entriesAt(node: string, calls: readonly Call[]): readonly Call[] {
  const into = calls.filter((call) => call.to === node);
  return into.length > 0 ? into : calls.filter((call) => call.from === node);
}
