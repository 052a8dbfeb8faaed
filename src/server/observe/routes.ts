import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import {
  eventsQuerySchema,
  eventsViewSchema,
  type FlowView,
  flowsQuerySchema,
  flowsViewSchema,
  type GraphView,
  graphQuerySchema,
  graphViewSchema,
  parseDurationMs,
  plaintextQuerySchema,
  plaintextViewSchema,
  type TracesView,
  type TraceView,
  tracesQuerySchema,
  tracesViewSchema,
  traceViewSchema,
  whyQuerySchema,
  whyReportSchema,
} from "#api";
import type { Change, NodeRole } from "#diagnosis";
import type { Clock } from "#engine/time";
import { ProblemError, problem, splitKey } from "#model";
import { expositionOf, type ObservedRequest } from "#telemetry";
import type { TelemetryStore } from "#telemetry/store";
import { certificateExposition, type WatchedCertificate } from "./certificate-watch.ts";
import { type FlowFilter, flowViewOf, isNamed, matchesFlow } from "./flow-view.ts";
import { graphViewOf, type KnownWorkload, nodeOf } from "./graph-view.ts";
import type { LiveFlows } from "./live-flows.ts";
import { plaintextViewOf } from "./plaintext-view.ts";
import { timedTraceViewOf, traceViewOf } from "./trace-view.ts";
import { whyOf } from "./why-view.ts";

export interface ObserveOptions {
  /** What must not end unnoticed. */
  readonly certificates: () => readonly WatchedCertificate[];
  readonly store: TelemetryStore;
  readonly live: LiveFlows;
  readonly clock: Clock;
  /** The registry's replicas. */
  readonly workloads: () => readonly KnownWorkload[];
  /** Applied configuration since a time, newest last: what people changed. */
  readonly changesSince: (sinceMs: number, isSeen: (namespace: string) => boolean) => readonly Change[];
  /** Which namespaces' traffic the caller may see. */
  readonly seenBy: (request: FastifyRequest) => (namespace: string) => boolean;
}

const SAMPLES_MAX = 20_000;
/** Agents report each second: a trace is listed once all of them will have told their part of it. */
const SETTLE_MS = 2000;
/** How far around a trace, and in how many samples at most, its like is looked for to join it by timing. */
const AROUND_MS = 2000;
const AROUND_MAX = 2000;
const DAY_MS = 86_400_000;
const SCANNED_PER_ANSWER = 20;

/**
 * The questions about traffic, below `/api/v1`, and `/metrics`. Registered inside the scope that asks for credentials; the app
 * must have the validator and serializer of fastify-type-provider-zod.
 */
export function registerObserve(app: FastifyInstance, options: ObserveOptions): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  registerMap(typed, options);
  registerPlaintext(typed, options);
  registerFlows(typed, options);
  registerTraces(typed, options);
  typed.get("/metrics", { schema: { hide: true } }, (_, reply) =>
    reply
      .type("text/plain; version=0.0.4; charset=utf-8")
      .send(
        expositionOf(options.store.runningTotals()) +
          certificateExposition(options.certificates(), options.clock.nowMs()),
      ),
  );
}

function registerMap(app: FastifyInstance, { store, clock, workloads, changesSince, seenBy }: ObserveOptions): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(
    "/api/v1/graph",
    { schema: { querystring: graphQuerySchema, response: { 200: graphViewSchema } } },
    (request) => {
      const [nowMs, windowMs] = [clock.nowMs(), parseDurationMs(request.query.window)];
      const totals = store.totals({ fromMs: nowMs - windowMs, toMs: nowMs + 1000 });
      const graph = graphViewOf({ nowMs, windowMs, totals, workloads: workloads() });
      return seenGraph(graph, seenBy(request));
    },
  );
  typed.get(
    "/api/v1/why",
    { schema: { querystring: whyQuerySchema, response: { 200: whyReportSchema } } },
    (request) => {
      const { service, window, baseline } = request.query;
      const isSeen = seenBy(request);
      requireSeen(service, isSeen);
      const [nowMs, windowMs] = [clock.nowMs(), parseDurationMs(window)];
      const known = workloads();
      const nodes = {
        roles: new Map<string, NodeRole>(known.map((each) => [nodeOf(each), each.role])),
        replicas: Map.groupBy(known, nodeOf),
      };
      const baselineMs = baseline === undefined ? windowMs : parseDurationMs(baseline);
      const report = whyOf(store, {
        service,
        windowMs,
        baselineMs,
        nowMs,
        nodes,
        changes: changesSince(nowMs - DAY_MS, isSeen),
      });
      return structuredClone(report) as unknown as (typeof whyReportSchema)["_output"];
    },
  );
  typed.get(
    "/api/v1/events",
    { schema: { querystring: eventsQuerySchema, response: { 200: eventsViewSchema } } },
    (request) => {
      const nowMs = clock.nowMs();
      const span = { fromMs: nowMs - parseDurationMs(request.query.window), toMs: nowMs + 10_000 };
      return { events: store.events(span, request.query.limit), refusals: store.refusals(span, request.query.limit) };
    },
  );
}

function registerPlaintext(app: FastifyInstance, { store, clock, seenBy }: ObserveOptions): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(
    "/api/v1/plaintext",
    { schema: { querystring: plaintextQuerySchema, response: { 200: plaintextViewSchema } } },
    (request) => {
      const [nowMs, windowMs] = [clock.nowMs(), parseDurationMs(request.query.window)];
      const seen = store.seen({ fromMs: nowMs - windowMs, toMs: nowMs + 1000 });
      return plaintextViewOf({ nowMs, windowMs, seen, isSeen: seenBy(request) });
    },
  );
}

function registerFlows(app: FastifyInstance, { store, live, clock, seenBy }: ObserveOptions): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(
    "/api/v1/flows",
    { schema: { querystring: flowsQuerySchema, response: { 200: flowsViewSchema } } },
    (request) => {
      const { window, since, limit, ...filter } = request.query;
      const nowMs = clock.nowMs();
      const span = { fromMs: since ?? nowMs - parseDurationMs(window), toMs: nowMs + 10_000 };
      const verdict = filter.verdict === undefined ? {} : { verdict: filter.verdict };
      const samples = store.samples({ ...span, ...verdict, limit: Math.min(SAMPLES_MAX, limit * SCANNED_PER_ANSWER) });
      const isSeen = seenBy(request);
      const flows = matching(samples, filter).filter((flow) => touches(flow, isSeen));
      return { flows: flows.slice(0, limit) };
    },
  );
  typed.get("/api/v1/flows/live", { schema: { querystring: flowsQuerySchema } }, (request, reply) => {
    const isSeen = seenBy(request);
    const stream = live.stream(request.query, (flow) => touches(flow, isSeen));
    if (stream !== undefined)
      return reply.type("application/x-ndjson").header("cache-control", "no-store").send(stream);
    return reply.code(503).send({ message: "Too many live streams are open; close one and try again." });
  });
}

/** What is no service of the mesh is of no namespace. */
function placeOf(node: string): string {
  return node.includes("/") ? splitKey(node).namespace : "";
}

/** Whoever may see one end of a call may see the call. */
function touches(
  { source, destination }: { readonly source: string; readonly destination: string },
  isSeen: (namespace: string) => boolean,
): boolean {
  return isSeen(placeOf(source)) || isSeen(placeOf(destination));
}

function seenGraph(graph: GraphView, isSeen: (namespace: string) => boolean): GraphView {
  const edges = graph.edges.filter((edge) => touches(edge, isSeen));
  const ends = new Set(edges.flatMap(({ source, destination }) => [source, destination]));
  const nodes = graph.nodes
    .filter(({ id, namespace }) => isSeen(namespace) || ends.has(id))
    .map((node) => (isSeen(node.namespace) ? node : { ...node, replicas: [] }));
  return { ...graph, nodes, edges };
}

function requireSeen(service: string, isSeen: (namespace: string) => boolean): void {
  if (isSeen(placeOf(service))) return;
  throw new ProblemError(problem("HDL_API_FORBIDDEN", `no role of yours lets you view ${service}`));
}

function matching(samples: readonly ObservedRequest[], filter: FlowFilter): FlowView[] {
  return samples.map(flowViewOf).filter((flow) => matchesFlow(flow, filter));
}

function registerTraces(app: FastifyInstance, { store, clock }: ObserveOptions): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const schema = { querystring: tracesQuerySchema, response: { 200: tracesViewSchema } };
  typed.get("/api/v1/traces", { schema }, (request) => {
    const nowMs = clock.nowMs();
    const span = { fromMs: nowMs - parseDurationMs(request.query.window), toMs: nowMs + 10_000 };
    const settled = tracesOf(store.samples({ ...span, limit: SAMPLES_MAX })).filter(
      ({ atMs, durationMs }) => atMs + durationMs <= nowMs - SETTLE_MS,
    );
    return { traces: chosenOf(settled, request.query) };
  });
  typed.get("/api/v1/traces/:id", { schema: { response: { 200: traceViewSchema } } }, (request, reply) => {
    const { id } = request.params as { readonly id: string };
    const trace = store.trace(id);
    const view = timedTraceViewOf(id, trace, around(store, trace));
    if (view === undefined) reply.callNotFound();
    else reply.send(view);
  });
}

/** What was seen while the trace lasted, and just before and after. */
function around(store: TelemetryStore, trace: readonly ObservedRequest[]): readonly ObservedRequest[] {
  const fromUs = Math.min(...trace.map(({ receivedUs }) => receivedUs));
  const toUs = Math.max(...trace.map(({ doneUs }) => doneUs));
  if (trace.length === 0) return [];
  const [fromMs, toMs] = [fromUs / 1000 - AROUND_MS, toUs / 1000 + AROUND_MS];
  return store.samples({ fromMs: Math.floor(fromMs), toMs: Math.ceil(toMs), limit: AROUND_MAX });
}

type TraceQuery = ReturnType<(typeof tracesQuerySchema)["parse"]>;

function tracesOf(samples: readonly ObservedRequest[]): readonly TraceView[] {
  const byTrace = Map.groupBy(samples, (sample) => sample.traceId);
  byTrace.delete("");
  return [...byTrace].flatMap(([traceId, each]) => traceViewOf(traceId, each) ?? []);
}

function chosenOf(views: readonly TraceView[], query: TraceQuery): TracesView["traces"] {
  const wanted = views.filter((view) => isWanted(view, query));
  wanted.sort(query.order === "slowest" ? (a, b) => b.durationMs - a.durationMs : (a, b) => b.atMs - a.atMs);
  return wanted.slice(0, query.limit).map(({ calls: _, ...summary }) => summary);
}

function isWanted(view: TraceView, { failed, service }: TraceQuery): boolean {
  if (failed !== undefined && String(view.failed) !== failed) return false;
  return service === undefined || view.calls.some((call) => isNamed(call.destination, service));
}
