import { expect, test } from "bun:test";
import { type EdgeKey, type EndReason, type Party, quantileUs } from "#telemetry";
import { FakeTime } from "../../../test/fakes/time.ts";
import { Recorder, type RecorderLimits, RequestRecord } from "./index.ts";

const party = (service: string, instance = `${service}-1`): Party => ({
  namespace: "shop",
  workload: service,
  instance,
  principal: `spiffe://shop.example/ns/shop/sa/${service}`,
  service,
  version: "",
});
const edge = (to: string, instance?: string): EdgeKey => ({
  reporter: "source",
  source: party("cart"),
  destination: party(to, instance),
  protocol: "http",
  mtls: true,
});

function setUp(limits: Partial<RecorderLimits> = {}) {
  const time = new FakeTime();
  return { time, recorder: new Recorder({ instance: "cart-1", clock: time, limits }) };
}

interface Shape {
  readonly status?: number;
  readonly endReason?: EndReason;
  readonly ms?: number;
  readonly traceId?: string;
  readonly sampled?: boolean;
  readonly denied?: string;
}

function request(slot: number, shape: Shape = {}): RequestRecord {
  const record = new RequestRecord();
  record.edge = slot;
  record.receivedUs = 1_000_000;
  record.chosenUs = 1_000_010;
  record.sentUs = 1_000_030;
  record.doneUs = 1_000_000 + (shape.ms ?? 3) * 1000;
  record.firstByteUs = record.doneUs - 100;
  record.status = shape.status ?? 200;
  record.endReason = shape.endReason ?? "completed";
  record.path = "/items?card=4111";
  record.traceId = shape.traceId ?? "0af7651916cd43dd8448eb211c80319c";
  record.sampled = shape.sampled ?? false;
  if (shape.denied !== undefined) {
    record.verdict = "deny";
    record.policy = shape.denied;
  }
  return record;
}

test("requests are counted by edge, status, end and denying policy, and handed over once", () => {
  const { recorder, time } = setUp();
  const slot = recorder.openEdge(edge("stock"));
  for (let index = 0; index < 5; index++) recorder.finish(request(slot));
  recorder.finish(request(slot, { status: 503, endReason: "no-healthy-upstream" }));
  recorder.finish(request(slot, { status: 403, endReason: "policy-denied", denied: "AuthorizationPolicy/shop/a" }));
  const batch = recorder.takeBatch(time.nowMs())!;
  expect(batch.edges).toEqual([edge("stock")]);
  expect(batch.series.map((each) => [each.status, each.endReason, each.policy, each.count])).toEqual([
    [200, "completed", "", 5],
    [503, "no-healthy-upstream", "", 1],
    [403, "policy-denied", "AuthorizationPolicy/shop/a", 1],
  ]);
  expect(batch.series[0]!.stagesUs).toEqual([50, 100, 5 * 2870, 500]);
  expect(quantileUs(batch.series[0]!.buckets, 0.5)! / 3000).toBeCloseTo(1, 1);
  expect(recorder.takeBatch(time.nowMs())).toBeUndefined();
});

test("time up to a stamp that was not reached belongs to the stretch waited in", () => {
  const { recorder } = setUp();
  const record = request(recorder.openEdge(edge("stock")), { status: 503, endReason: "upstream-connect-failure" });
  record.sentUs = 0;
  record.firstByteUs = 0;
  recorder.finish(record);
  expect(recorder.takeBatch(0)!.series[0]!.stagesUs).toEqual([10, 2990, 0, 0]);
});

test("every failed, denied and slow request is kept; ordinary ones have a room of their own", () => {
  const { recorder } = setUp({ sampled: 2, flows: 1, notable: 3 });
  const slot = recorder.openEdge(edge("stock"));
  for (let index = 0; index < 9; index++) recorder.finish(request(slot, { sampled: true }));
  for (let index = 0; index < 9; index++) recorder.finish(request(slot));
  recorder.finish(request(slot, { status: 500 }));
  recorder.finish(request(slot, { denied: "p", status: 403 }));
  recorder.finish(request(slot, { ms: 5000 }));
  recorder.finish(request(slot, { status: 500 }));
  const batch = recorder.takeBatch(0)!;
  expect(batch.samples.map((each) => each.kept)).toEqual(["failed", "denied", "slow", "sampled", "sampled", "flow"]);
  expect(batch.droppedSamples).toBe(8);
  expect(batch.samples[0]!.path).toBe("/items");
});

test("under load two agents keep the same traces", () => {
  const kept = (load: number): Set<string> => {
    const { recorder } = setUp({ sampled: 50 });
    const slot = recorder.openEdge(edge("stock"));
    const offer = (): void => {
      for (let index = 0; index < load; index++)
        recorder.finish(request(slot, { sampled: true, traceId: index.toString(16).padStart(32, "0") }));
    };
    offer();
    recorder.takeBatch(0);
    offer();
    return new Set(recorder.takeBatch(0)!.samples.map((each) => each.traceId));
  };
  const [busy, busier] = [kept(200), kept(1600)];
  expect(busy.size).toBeGreaterThan(20);
  const shared = [...busier].filter((trace) => Number.parseInt(trace, 16) < 200);
  expect(shared.length).toBeGreaterThan(0);
  expect(shared.every((trace) => busy.has(trace))).toBe(true);
});

test("edges and series beyond their bounds are counted without a name", () => {
  const { recorder } = setUp({ edges: 3, series: 8 });
  const slots = ["a", "b", "c", "d"].map((name) => recorder.openEdge(edge(name)));
  expect(slots).toEqual([1, 2, 0, 0]);
  for (let status = 200; status < 220; status++) recorder.finish(request(1, { status }));
  recorder.finish(request(999));
  const batch = recorder.takeBatch(0)!;
  expect(batch.series.reduce((sum, each) => sum + each.count, 0)).toBe(21);
  expect(batch.series.length).toBeLessThanOrEqual(8);
  expect(recorder.prometheus()).toContain("heddle_telemetry_edge_overflow_total 2");
});

test("a silent edge that nobody holds gives its slot back; a held one keeps it", () => {
  const { recorder, time } = setUp({ edges: 3, expiryMs: 100_000 });
  const first = recorder.openEdge(edge("a"));
  const second = recorder.openEdge(edge("b"));
  recorder.finish(request(first));
  recorder.finish(request(second));
  recorder.takeBatch(time.nowMs());
  recorder.closeEdge(first);
  time.advance(200_000);
  recorder.takeBatch(time.nowMs());
  expect(recorder.openEdge(edge("b"))).toBe(second);
  expect(recorder.openEdge(edge("c"))).toBe(first);
  recorder.finish(request(first));
  expect(recorder.takeBatch(time.nowMs())!.edges).toEqual([edge("c")]);
});

test("Prometheus text sums replicas and keeps counting across batches", () => {
  const { recorder } = setUp();
  const slots = [recorder.openEdge(edge("stock", "stock-1")), recorder.openEdge(edge("stock", "stock-2"))];
  for (const slot of slots) recorder.finish(request(slot, { ms: 5 }));
  recorder.takeBatch(0);
  recorder.finish(request(slots[0]!, { ms: 7 }));
  const lines = recorder.prometheus().split("\n");
  const total = lines.find((line) => line.startsWith("istio_requests_total{"))!;
  expect(total).toEndWith(" 3");
  for (const label of [
    'reporter="source"',
    'source_workload="cart"',
    'destination_service="stock.shop.svc.cluster.local"',
    'destination_version="unknown"',
    'response_code="200"',
    'response_flags="-"',
    'connection_security_policy="unknown"',
  ])
    expect(total).toContain(label);
  const upTo = (le: string) =>
    lines.find((line) => line.includes("duration_milliseconds_bucket") && line.includes(`le="${le}"`));
  expect([upTo("1"), upTo("5"), upTo("10"), upTo("+Inf")].map((line) => line?.split(" ").at(-1))).toEqual([
    "0",
    "2",
    "3",
    "3",
  ]);
});

test("Prometheus text tells calls of gRPC apart, each by how it ended", () => {
  const { recorder } = setUp();
  const slot = recorder.openEdge(edge("stock"));
  for (const grpcStatus of [-1, 0, 0, 14]) {
    const each = request(slot);
    each.grpcStatus = grpcStatus;
    recorder.finish(each);
  }
  const totals = recorder
    .prometheus()
    .split("\n")
    .filter((line) => line.startsWith("istio_requests_total{"));
  const told = totals.map((line) => [
    /request_protocol="(\w+)"/.exec(line)?.[1],
    /grpc_response_status="(\d+)"/.exec(line)?.[1],
    line.split(" ").at(-1),
  ]);
  expect(told).toContainEqual(["http", undefined, "1"]);
  expect(told).toContainEqual(["grpc", "0", "2"]);
  expect(told).toContainEqual(["grpc", "14", "1"]);
});

test("Prometheus text tells of connections of bytes as Istio does, and not as requests", () => {
  const { recorder } = setUp();
  const slot = recorder.openEdge({ ...edge("mail"), protocol: "tcp" });
  recorder.finish(request(slot));
  recorder.finish(request(slot));
  const lines = recorder.prometheus().split("\n");
  expect(lines.some((line) => line.startsWith("istio_requests_total{"))).toBe(false);
  const closed = lines.find((line) => line.startsWith("istio_tcp_connections_closed_total{"))!;
  expect(closed).toContain('request_protocol="tcp"');
  expect(closed).not.toContain("response_code");
  expect(closed).toEndWith(" 2");
  expect(lines.some((line) => line.startsWith("istio_tcp_sent_bytes_total{"))).toBe(true);
});

test("like refusals are counted together, and events are bounded", () => {
  const { recorder } = setUp({ notes: 2 });
  const refusal = { reason: "plaintext", peerAddress: "10.0.0.9", presented: "", localPort: 15008 } as const;
  for (let index = 0; index < 3; index++) recorder.refuse(refusal);
  for (const detail of ["1", "2", "3"]) recorder.event({ kind: "config-applied", detail });
  const batch = recorder.takeBatch(0)!;
  expect(batch.refusals.map((each) => each.count)).toEqual([3]);
  expect(batch.events.map((each) => each.detail)).toEqual(["2", "3"]);
});

test("a record goes back to its first state", () => {
  const record = request(3, { denied: "p" });
  record.reset();
  expect(record).toEqual(new RequestRecord());
});
