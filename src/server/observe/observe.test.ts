import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import Fastify, { type FastifyInstance } from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import type { FlowView, GraphView, TraceView, WhyView } from "#api";
import { parseSpiffeId } from "#identity";
import { valueOrThrow } from "#model";
import { ReportRequestSchema, TelemetrySampleSchema } from "#proto";
import type { EdgeKey, ObservedRequest, TelemetryBatch } from "#telemetry";
import { encodeBatch } from "#telemetry/batch";
import { TelemetryStore } from "#telemetry/store";
import { type FakeFault, type FakeMesh, observe } from "../../../test/fakes/call-tree.ts";
import { seededRandom } from "../../../test/fakes/random.ts";
import { FakeTime } from "../../../test/fakes/time.ts";
import { TelemetryIngest } from "./ingest.ts";
import { LiveFlows } from "./live-flows.ts";
import { registerObserve } from "./routes.ts";

const MESH: FakeMesh = {
  lb: { role: "load-balancer", ownMs: 1, calls: [[{ to: "front" }]] },
  front: { ownMs: 3, calls: [[{ to: "stock" }]] },
  stock: { ownMs: 2, replicas: 2 },
};
const apps: FastifyInstance[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

function setUp() {
  const time = new FakeTime(1_700_000_000_000);
  const store = new TelemetryStore({ database: new Database(":memory:") });
  valueOrThrow(store.open());
  const live = new LiveFlows(store, time);
  const app = Fastify();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  const workloads = () =>
    Object.entries(MESH).map(([name, spec]) => ({
      namespace: "shop",
      serviceAccount: name,
      instance: `${name}-1`,
      service: name,
      role: spec.role ?? ("service" as const),
      ready: true,
      svidNotAfterMs: 1,
    }));
  registerObserve(app, {
    certificates: () => [],
    store,
    live,
    clock: time,
    workloads,
    changesSince: () => [],
    seenBy: () => () => true,
  });
  apps.push(app);
  const get = async <T>(url: string): Promise<T> => {
    const answer = await app.inject({ url });
    if (answer.statusCode !== 200) throw new Error(`${answer.statusCode} ${answer.body}`);
    return answer.headers["content-type"]?.toString().startsWith("application/json")
      ? answer.json()
      : (answer.body as T);
  };
  return { time, store, live, app, get };
}

let sequence = 0;
/** What the generator saw, as one batch that ends now. */
function feed(store: TelemetryStore, time: FakeTime, fault?: FakeFault): void {
  const base = { entry: "lb", mesh: MESH, random: seededRandom(++sequence), requests: 100 };
  const { samples, totals } = observe(fault === undefined ? base : { ...base, fault });
  const edges: EdgeKey[] = [];
  const indexOf = (edge: EdgeKey): number => edges.push(edge) - 1;
  const shiftUs = time.nowUs() - 1_000_000_000_000_000 - 5_000_000;
  const moved = (each: ObservedRequest) => ({
    ...each,
    edge: indexOf(each.edge),
    receivedUs: each.receivedUs + shiftUs,
    chosenUs: each.chosenUs + shiftUs,
    sentUs: each.sentUs === 0 ? 0 : each.sentUs + shiftUs,
    firstByteUs: each.firstByteUs + shiftUs,
    doneUs: each.doneUs + shiftUs,
    spanId: each.spanId && `${sequence}${each.spanId.slice(1)}`.padStart(16, "0"),
    parentSpanId: each.parentSpanId && `${sequence}${each.parentSpanId.slice(1)}`.padStart(16, "0"),
    traceId: `${sequence}${each.traceId.slice(1)}`,
  });
  const batch: TelemetryBatch = {
    fromMs: time.nowMs() - 1000,
    toMs: time.nowMs(),
    edges,
    series: totals.map((each) => ({
      ...each,
      grpcStatus: -1,
      edge: indexOf(each.edge),
      requestBytes: 1,
      responseBytes: 1,
      buckets: [60, each.count],
      requestSizes: [1, each.count],
      responseSizes: [1, each.count],
    })),
    samples: samples.map(moved),
    refusals: [],
    events: [],
    decisions: [],
    unrecordedDecisions: 0,
    droppedSamples: 0,
  };
  valueOrThrow(store.ingest({ reporter: "x", session: "s", sequence, batch, nowMs: time.nowMs() }));
}

test("the map shows both sides of each edge and who is a load balancer", async () => {
  const { time, store, get } = setUp();
  feed(store, time);
  const graph = await get<GraphView>("/api/v1/graph?window=30s");
  expect(graph.nodes.map((node) => [node.id, node.role])).toContainEqual(["shop/lb", "load-balancer"]);
  const edge = graph.edges.find((each) => each.destination === "shop/front")!;
  expect(edge).toMatchObject({ source: "shop/lb", mtls: true, requests: 100, successRate: 1, denied: 0 });
  expect(edge.fromSource).not.toBeNull();
  expect(edge.fromDestination).not.toBeNull();
});

test("a denied edge names its policy", async () => {
  const { time, store, get } = setUp();
  feed(store, time, { kind: "denied", hop: "stock" });
  const flows = await get<{ flows: FlowView[] }>("/api/v1/flows?verdict=deny&destination=stock&limit=3");
  expect(flows.flows).toHaveLength(3);
  expect(flows.flows[0]).toMatchObject({ destination: "shop/stock", policy: "AuthorizationPolicy/shop/fake" });
  const graph = await get<GraphView>("/api/v1/graph");
  expect(graph.edges.find((each) => each.destination === "shop/stock")?.denied).toBe(100);
});

test("why names an injected fault from what was stored, through a calm earlier span", async () => {
  const { time, store, get } = setUp();
  for (let span = 0; span < 3; span++) {
    feed(store, time);
    time.advance(30_000);
  }
  feed(store, time, { kind: "slow-service", hop: "stock", ms: 80 });
  time.advance(2000);
  const report = await get<WhyView>("/api/v1/why?service=shop/front&window=20s&baseline=30s");
  expect(report.culprits[0]).toMatchObject({ hop: "shop/stock", cause: "application" });
});

test("traces are listed and shown with both sides joined", async () => {
  const { time, store, get, app } = setUp();
  feed(store, time);
  const { traces } = await get<{ traces: TraceView[] }>("/api/v1/traces?service=stock&order=slowest&limit=2");
  expect(traces).toHaveLength(2);
  const trace = await get<TraceView>(`/api/v1/traces/${traces[0]!.traceId}`);
  expect(trace.calls.map((call) => [call.depth, call.destination])).toEqual([
    [0, "shop/lb"],
    [1, "shop/front"],
    [2, "shop/stock"],
  ]);
  expect(trace.calls[1]!.transitMs).toBeGreaterThan(0);
  expect((await app.inject("/api/v1/traces/none")).statusCode).toBe(404);
});

test("queries that make no sense are refused", async () => {
  const { app } = setUp();
  for (const url of ["/api/v1/graph?window=fortnight", "/api/v1/why?service=checkout", "/api/v1/flows?limit=99999"])
    expect((await app.inject(url)).statusCode).toBe(400);
});

test("Prometheus reads the whole mesh under Istio's names", async () => {
  const { time, store, get } = setUp();
  feed(store, time);
  const text = await get<string>("/metrics");
  expect(text).toMatch(/istio_requests_total\{reporter="destination".*destination_workload="stock".*\} 100/);
});

test("live flows reach a reader as lines, and end with it", async () => {
  const { time, store, live } = setUp();
  const stream = live.stream({ destination: "stock" })!;
  const reader = stream.getReader();
  feed(store, time);
  const first = JSON.parse(new TextDecoder().decode((await reader.read()).value)) as FlowView;
  expect(first.destination).toBe("shop/stock");
  await reader.cancel();
  expect([live.open, time.pending]).toEqual([0, 0]);
  const many = Array.from({ length: 33 }, () => live.stream({}));
  expect(many.at(-1)).toBeUndefined();
  live.stop();
  expect([live.open, time.pending]).toEqual([0, 0]);
});

const PARTY = { namespace: "shop", workload: "a", instance: "a-1", principal: "", service: "a", version: "" };
const report = (source: typeof PARTY, instance = "a-1") =>
  create(ReportRequestSchema, {
    instance,
    session: "s",
    sequence: 1n,
    batch: encodeBatch({
      fromMs: 1,
      toMs: 2,
      edges: [{ reporter: "source", source, destination: { ...PARTY, workload: "b" }, protocol: "http", mtls: true }],
      series: [],
      samples: [],
      refusals: [],
      events: [],
      decisions: [],
      unrecordedDecisions: 0,
      droppedSamples: 0,
    }),
  });

test("an agent can only report as itself", () => {
  const { store, time } = setUp();
  const ingest = new TelemetryIngest({ store, clock: time, limits: { burst: 5, perSecond: 1, peerCountMax: 9 } });
  const peer = valueOrThrow(parseSpiffeId("spiffe://shop.example/ns/shop/sa/a"));
  expect(ingest.report(report(PARTY), peer).ok).toBe(true);
  const lies = [
    { ...PARTY, workload: "b" },
    { ...PARTY, namespace: "bank" },
    { ...PARTY, instance: "a-2" },
  ];
  for (const lie of lies)
    expect(ingest.report(report(lie), peer)).toMatchObject({ problems: [{ code: "HDL_TELEMETRY_REPORTER" }] });
  expect(ingest.report(create(ReportRequestSchema, { instance: "a-1" }), peer)).toMatchObject({
    problems: [{ code: "HDL_TELEMETRY_BATCH" }],
  });
  expect(ingest.report(report(PARTY), peer)).toMatchObject({ problems: [{ code: "HDL_TELEMETRY_RATE" }] });
});

test("a caller that only its certificate names is shown as its service", () => {
  const { store, time } = setUp();
  const ingest = new TelemetryIngest({ store, clock: time, serviceOf: (_, account) => `${account}-service` });
  const peer = valueOrThrow(parseSpiffeId("spiffe://shop.example/ns/shop/sa/a"));
  const heard: string[] = [];
  store.onSample(({ edge }) => heard.push(edge.destination.service));
  const message = report(PARTY);
  message.batch!.parties[1]!.service = "";
  message.batch!.samples.push(create(TelemetrySampleSchema, { kept: "flow", verdict: "none", receivedUs: 1n }));
  expect(ingest.report(message, peer).ok).toBe(true);
  expect(heard).toEqual(["b-service"]);
});
