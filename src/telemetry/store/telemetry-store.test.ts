import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import type { DecisionDelta, EdgeKey, Party, RequestSample, SeriesDelta, TelemetryBatch } from "#telemetry";
import { TelemetryStore, type TelemetryStoreLimits } from "./index.ts";

const NOW = 1_700_000_000_000;
const party = (workload: string): Party => ({
  namespace: "shop",
  workload,
  instance: `${workload}-1`,
  principal: "",
  service: workload,
  version: "",
});
const EDGE: EdgeKey = { reporter: "source", source: party("a"), destination: party("b"), protocol: "http", mtls: true };
const SERIES: SeriesDelta = {
  edge: 0,
  status: 200,
  grpcStatus: -1,
  endReason: "completed",
  policy: "",
  count: 4,
  requestBytes: 4,
  responseBytes: 8,
  stagesUs: [1, 2, 3, 4],
  buckets: [30, 4],
  requestSizes: [1, 4],
  responseSizes: [2, 4],
};
const sampleAt = (ms: number, shape: Partial<RequestSample> = {}): RequestSample => ({
  edge: 0,
  kept: "sampled",
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  parentSpanId: "",
  receivedUs: ms * 1000,
  chosenUs: ms * 1000 + 5,
  sentUs: ms * 1000 + 9,
  firstByteUs: ms * 1000 + 900,
  doneUs: ms * 1000 + 1000,
  status: 200,
  endReason: "completed",
  requestBytes: 1,
  responseBytes: 2,
  method: "GET",
  path: "/",
  authority: "b",
  verdict: "allow",
  policy: "",
  rule: -1,
  observedVerdict: "none",
  observedPolicy: "",
  audits: [],
  ...shape,
});

function batchAt(ms: number, shape: Partial<TelemetryBatch> = {}): TelemetryBatch {
  const base = { fromMs: ms, toMs: ms + 1000, edges: [EDGE], series: [SERIES], samples: [sampleAt(ms)] };
  return { ...base, refusals: [], events: [], decisions: [], unrecordedDecisions: 0, droppedSamples: 0, ...shape };
}

function setUp(limits: Partial<TelemetryStoreLimits> = {}) {
  const database = new Database(":memory:");
  const store = new TelemetryStore({ database, limits });
  expect(store.open().ok).toBe(true);
  let sequence = 0;
  const put = (batch: TelemetryBatch, nowMs = NOW) =>
    store.ingest({ reporter: "a-1", session: "s", sequence: ++sequence, batch, nowMs });
  return { database, store, put };
}

test("a batch counts once, however often it is sent", () => {
  const { store } = setUp();
  const report = { reporter: "a-1", session: "s", sequence: 7, batch: batchAt(NOW), nowMs: NOW };
  expect([store.ingest(report), store.ingest(report)].map((each) => each.ok && each.value)).toEqual([
    "stored",
    "repeated",
  ]);
  expect(store.totals({ fromMs: NOW - 5000, toMs: NOW + 5000 }).map((each) => each.count)).toEqual([4]);
  expect(store.runningTotals().map((each) => each.count)).toEqual([4]);
});

test("what was ingested is found again: counters, requests, traces, notes", () => {
  const { store, put } = setUp();
  const refusal = { atMs: NOW, reason: "plaintext", peerAddress: "x", presented: "", localPort: 1, count: 2 } as const;
  const event = { atMs: NOW, kind: "svid-rotated", detail: "d" } as const;
  put(batchAt(NOW, { refusals: [refusal], events: [event] }));
  put(batchAt(NOW + 1, { samples: [sampleAt(NOW + 1, { verdict: "deny", kept: "denied", policy: "p" })] }));
  const span = { fromMs: NOW - 1000, toMs: NOW + 60_000 };
  const [totals] = store.totals(span);
  expect(totals).toMatchObject({ edge: EDGE, count: 8, stagesUs: [2, 4, 6, 8], buckets: [30, 8] });
  expect(store.samples({ ...span, limit: 9 })).toHaveLength(2);
  expect(store.samples({ ...span, verdict: "deny", limit: 9 }).map((each) => each.policy)).toEqual(["p"]);
  expect(store.trace("0af7651916cd43dd8448eb211c80319c")[0]).toEqual({ ...sampleAt(NOW), edge: EDGE });
  expect(store.events(span, 9)).toEqual([{ ...event, instance: "a-1" }]);
  expect(store.refusals(span, 9)).toEqual([{ ...refusal, instance: "a-1" }]);
});

test("requests are found by what policies in observe mode would have made of them", () => {
  const { store, put } = setUp();
  const observed = { observedVerdict: "deny", observedPolicy: "p", audits: ["q"] } as const;
  put(batchAt(NOW, { samples: [sampleAt(NOW), sampleAt(NOW + 1, observed)] }));
  const found = store.samples({ fromMs: NOW - 1000, toMs: NOW + 1000, observed: "deny", limit: 9 });
  expect(found).toMatchObject([{ verdict: "allow", ...observed }]);
});

test("a database of an older version gets what it lacks, and keeps what it has", () => {
  const database = new Database(":memory:");
  database.exec(`CREATE TABLE sample (
    id INTEGER PRIMARY KEY, received_us INTEGER NOT NULL, edge INTEGER NOT NULL, trace_id TEXT NOT NULL, kept TEXT NOT NULL,
    verdict TEXT NOT NULL, body TEXT NOT NULL)`);
  const { edge: _edge, observedVerdict: _verdict, observedPolicy: _policy, audits: _audits, ...body } = sampleAt(NOW);
  database
    .query(
      "INSERT INTO sample (received_us, edge, trace_id, kept, verdict, body) VALUES (?, 1, 't', 'flow', 'allow', ?)",
    )
    .run(NOW * 1000, JSON.stringify(body));
  const store = new TelemetryStore({ database });
  expect(store.open().ok && store.open().ok).toBe(true);
  store.ingest({ reporter: "a-1", session: "s", sequence: 1, batch: batchAt(NOW), nowMs: NOW });
  const found = store.samples({ fromMs: NOW - 1000, toMs: NOW + 1000, limit: 9 });
  expect(found.map(({ observedVerdict }) => observedVerdict)).toEqual(["none", "none"]);
});

test("rolling up keeps every count", () => {
  const { database, store, put } = setUp();
  const startMs = NOW - 200 * 60_000;
  for (let second = 0; second < 120; second++) put(batchAt(startMs + second * 1000));
  for (let pass = 0; pass < 3; pass++) expect(store.maintain(NOW).ok).toBe(true);
  expect(database.query("SELECT count(*) AS n FROM series").get()).toEqual({ n: 3 });
  expect(store.totals({ fromMs: startMs - 60_000, toMs: NOW })[0]).toMatchObject({ count: 480, buckets: [30, 480] });
});

test("a flow is found by its identifier where it was decided, from either side's report", () => {
  const { store, put } = setUp();
  const denied = { verdict: "deny", kept: "denied", policy: "p" } as const;
  const edges = [EDGE, { ...EDGE, reporter: "destination" as const }];
  const samples = [
    sampleAt(NOW, { spanId: "00000000000000a1", ...denied }),
    sampleAt(NOW, { edge: 1, spanId: "00000000000000b1", parentSpanId: "00000000000000a1", ...denied }),
    sampleAt(NOW, { edge: 1, spanId: "00000000000000b2", parentSpanId: "00000000000000a2" }),
  ];
  put(batchAt(NOW, { edges, samples }));
  for (const id of ["00000000000000a1", "00000000000000b1"])
    expect(store.decidedFlow(id)).toMatchObject({ spanId: "00000000000000b1", edge: { reporter: "destination" } });
  expect(store.decidedFlow("00000000000000a2")).toBeUndefined();
  const refused = sampleAt(NOW, { spanId: "00000000000000a3", traceId: "1", ...denied, endReason: "egress-denied" });
  put(batchAt(NOW, { samples: [refused] }));
  expect(store.decidedFlow("00000000000000a3")).toMatchObject({ edge: { reporter: "source" }, policy: "p" });
});

test("old samples go by age, and the oldest by size", () => {
  const { store, put } = setUp({ samplesMs: 60_000, bytesMax: 1 });
  put(batchAt(NOW - 120_000));
  put(batchAt(NOW - 2000));
  put(batchAt(NOW - 1000));
  store.maintain(NOW);
  expect(store.samples({ fromMs: 0, toMs: NOW, limit: 9 }).map((each) => each.receivedUs / 1000)).toEqual([NOW - 1000]);
});

test("a database that takes nothing more is a problem, not a crash, and the batch can be sent again", () => {
  const { database, store, put } = setUp();
  put(batchAt(NOW));
  database.exec("PRAGMA query_only = 1");
  const report = { reporter: "a-1", session: "t", sequence: 1, batch: batchAt(NOW), nowMs: NOW };
  expect(store.ingest(report)).toMatchObject({ ok: false, problems: [{ code: "HDL_TELEMETRY_STORE" }] });
  expect(store.totals({ fromMs: NOW - 5000, toMs: NOW + 5000 })[0]?.count).toBe(4);
  database.exec("PRAGMA query_only = 0");
  expect(store.ingest(report)).toMatchObject({ ok: true, value: "stored" });
});

test("a clock that runs ahead does not hide an agent's numbers", () => {
  const { store, put } = setUp();
  put(batchAt(NOW + 86_400_000));
  expect(store.totals({ fromMs: NOW, toMs: NOW + 15_000 })).toHaveLength(1);
});

test("listeners hear of each request until they stop", () => {
  const { store, put } = setUp();
  const heard: string[] = [];
  const stop = store.onSample((sample) => heard.push(sample.path));
  put(batchAt(NOW));
  stop();
  put(batchAt(NOW + 1000));
  expect(heard).toEqual(["/"]);
});

test("an edge is seen as often as its requests together, and last when the last of them was", () => {
  const { store, put } = setUp();
  const other: EdgeKey = { ...EDGE, reporter: "destination", mtls: false };
  put(batchAt(NOW - 3000));
  put(
    batchAt(NOW - 1000, {
      edges: [EDGE, other],
      series: [
        { ...SERIES, status: 500 },
        { ...SERIES, edge: 1 },
      ],
    }),
  );
  expect(store.seen({ fromMs: NOW - 5000, toMs: NOW })).toEqual([
    { edge: EDGE, count: 8, lastSeenMs: NOW - 1000 },
    { edge: other, count: 4, lastSeenMs: NOW - 1000 },
  ]);
  expect(store.seen({ fromMs: NOW, toMs: NOW + 1000 })).toEqual([]);
});

const DECIDED_AT: EdgeKey = { ...EDGE, reporter: "destination" };
const DECISION: DecisionDelta = {
  edge: 0,
  port: 8080,
  detail: "whole",
  method: "GET",
  path: "/orders/{*}",
  host: "orders",
  token: "none",
  issuer: "",
  verdict: "deny",
  isExternal: false,
  policy: "AuthorizationPolicy/shop/x",
  rule: 1,
  observedVerdict: "allow",
  observedPolicy: "AccessPolicy/shop/y",
  count: 5,
};
const decidedAt = (ms: number, shape: Partial<TelemetryBatch> = {}): TelemetryBatch =>
  batchAt(ms, { edges: [DECIDED_AT], series: [], samples: [], decisions: [DECISION], ...shape });
const WEEK = { fromMs: NOW - 7 * 86_400_000, toMs: NOW + 10_000 };

test("a decision is kept once a kind, without the replicas, and by whoever decided it", () => {
  const { store, put } = setUp();
  put(decidedAt(NOW - 90_000));
  const other = { ...DECIDED_AT, destination: { ...DECIDED_AT.destination, instance: "b-2" } };
  put(decidedAt(NOW - 5000, { edges: [other], decisions: [DECISION, { ...DECISION, method: "PUT", count: 1 }] }));
  put(decidedAt(NOW - 1000, { edges: [EDGE] }));
  const { edge: _, ...key } = DECISION;
  const [first, second, ...more] = [...store.decisions(WEEK)].flat();
  expect(first).toMatchObject({ ...key, count: 10, firstSeenMs: NOW - 90_000, lastSeenMs: NOW - 4000 });
  expect(first?.edge).toMatchObject({ reporter: "destination", destination: { service: "b", instance: "" } });
  expect([second?.method, more]).toEqual(["PUT", []]);
  expect(store.decision(first?.id ?? "")).toEqual(first);
  expect([store.decision("0"), store.decision("x")]).toEqual([undefined, undefined]);
  expect([...store.decisions({ fromMs: NOW - 3000, toMs: NOW })].flat()).toEqual([]);
});

test("a page is bounded by what is looked through, also where little of it was seen in the span", () => {
  const { store, put } = setUp();
  const decisions = Array.from({ length: 2500 }, (_, index) => ({ ...DECISION, host: `h${index}` }));
  put(decidedAt(NOW - 86_400_000, { decisions }));
  put(decidedAt(NOW - 1000, { decisions: [{ ...DECISION, host: "h2400" }] }));
  const pagesOf = (fromMs: number) => [...store.decisions({ fromMs, toMs: NOW + 10_000 })].map((page) => page.length);
  expect(pagesOf(WEEK.fromMs)).toEqual([1000, 1000, 500]);
  expect(pagesOf(NOW - 60_000)).toEqual([0, 0, 1]);
});

test("a caller without an identity is known by its address", () => {
  const { store, put } = setUp();
  const stranger = { ...party(""), instance: "192.0.2.7" };
  const known = { ...DECIDED_AT, source: { ...DECIDED_AT.source, principal: "spiffe://td/ns/shop/sa/a" } };
  const decisions = [DECISION, { ...DECISION, edge: 1 }];
  put(decidedAt(NOW, { edges: [{ ...DECIDED_AT, source: stranger }, known], decisions }));
  expect([...store.decisions(WEEK)].flat().map(({ edge }) => edge.source.instance)).toEqual(["192.0.2.7", ""]);
});

test("decisions are rolled up by the hour, kept a week, and then forgotten with their kind", () => {
  const { database, store, put } = setUp();
  const startMs = NOW - 7 * 86_400_000;
  for (let minute = 0; minute < 90; minute++) put(decidedAt(startMs + minute * 60_000));
  for (let pass = 0; pass < 2; pass++) expect(store.maintain(NOW).ok).toBe(true);
  expect((database.query("SELECT count(*) AS n FROM decision").get() as { n: number }).n).toBeLessThanOrEqual(3);
  expect([...store.decisions(WEEK)].flat()).toMatchObject([{ count: 450, firstSeenMs: startMs }]);
  expect(store.decisionCoverage(WEEK)).toEqual({ fromMs: startMs, unrecorded: 0 });
  store.maintain(NOW + 2 * 86_400_000);
  expect(database.query("SELECT count(*) AS n FROM decision_key").get()).toEqual({ n: 0 });
  expect(store.decisionCoverage(WEEK)).toEqual({ fromMs: undefined, unrecorded: 0 });
  put(decidedAt(NOW + 2 * 86_400_000));
  expect([...store.decisions({ fromMs: NOW, toMs: NOW + 3 * 86_400_000 })].flat()).toMatchObject([{ count: 5 }]);
});

test("the oldest decisions go by size once there are no samples", () => {
  const { store, put } = setUp({ bytesMax: 1 });
  put(decidedAt(NOW - 600_000, { decisions: [DECISION, { ...DECISION, method: "PUT" }], samples: [sampleAt(NOW)] }));
  put(decidedAt(NOW - 60_000));
  store.maintain(NOW);
  expect([...store.decisions(WEEK)].flat()).toHaveLength(2);
  for (let pass = 0; pass < 2; pass++) store.maintain(NOW);
  expect([...store.decisions(WEEK)].flat()).toMatchObject([{ method: "GET", firstSeenMs: NOW - 60_000 }]);
});

test("decisions that found no row are counted by the hour", () => {
  const { store, put } = setUp();
  put(decidedAt(NOW, { unrecordedDecisions: 3 }));
  put(decidedAt(NOW + 1000, { unrecordedDecisions: 4 }));
  expect(store.decisionCoverage(WEEK).unrecorded).toBe(7);
  expect(store.decisionCoverage({ fromMs: NOW + 3_600_000, toMs: NOW + 7_200_000 }).unrecorded).toBe(0);
});
