import { expect, test } from "bun:test";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { TelemetryBatchSchema } from "#proto";
import type { Party, TelemetryBatch } from "#telemetry";
import { decodeBatch, encodeBatch } from "./index.ts";

const party = (workload: string): Party => ({
  namespace: "shop",
  workload,
  instance: `${workload}-1`,
  principal: `spiffe://shop.example/ns/shop/sa/${workload}`,
  service: workload,
  version: "v1",
});

const BATCH: TelemetryBatch = {
  fromMs: 1_700_000_000_000,
  toMs: 1_700_000_001_000,
  edges: [
    { reporter: "source", source: party("a"), destination: party("b"), protocol: "http", mtls: true },
    { reporter: "destination", source: party("c"), destination: party("a"), protocol: "http", mtls: false },
  ],
  series: [
    {
      edge: 1,
      status: 503,
      grpcStatus: 14,
      endReason: "no-healthy-upstream",
      policy: "",
      count: 7,
      requestBytes: 12,
      responseBytes: 2 ** 40,
      stagesUs: [1, 2, 3, 4],
      buckets: [3, 5, 9, 2],
      requestSizes: [1, 7],
      responseSizes: [],
    },
  ],
  samples: [
    {
      edge: 0,
      kept: "sampled",
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      parentSpanId: "",
      receivedUs: 1_700_000_000_100_000,
      chosenUs: 1_700_000_000_100_000,
      sentUs: 0,
      firstByteUs: 0,
      doneUs: 1_700_000_000_100_700,
      status: 200,
      endReason: "completed",
      requestBytes: 1,
      responseBytes: 2,
      method: "GET",
      path: "/x",
      authority: "b",
      verdict: "allow",
      policy: "AuthorizationPolicy/shop/x",
      rule: -1,
      observedVerdict: "deny",
      observedPolicy: "AuthorizationPolicy/shop/y",
      audits: ["AuthorizationPolicy/shop/z"],
    },
  ],
  refusals: [{ atMs: 5, reason: "plaintext", peerAddress: "10.0.0.1", presented: "", localPort: 15008, count: 3 }],
  events: [{ atMs: 6, kind: "svid-rotated", detail: "serial 9" }],
  decisions: [
    {
      edge: 1,
      port: 8080,
      detail: "whole",
      method: "GET",
      path: "/orders/{*}",
      host: "orders",
      token: "verified",
      issuer: "https://login.example",
      verdict: "deny",
      isExternal: true,
      policy: "AuthorizationPolicy/shop/x: denied by opa",
      rule: -1,
      observedVerdict: "none",
      observedPolicy: "",
      count: 12,
    },
  ],
  unrecordedDecisions: 3,
  droppedSamples: 4,
};

const overTheWire = (batch: TelemetryBatch) =>
  fromBinary(TelemetryBatchSchema, toBinary(TelemetryBatchSchema, encodeBatch(batch)));

test("a batch arrives as it was sent", () => {
  const decoded = decodeBatch(overTheWire(BATCH));
  expect(decoded).toEqual({ ok: true, value: BATCH });
});

test("a batch that points outside itself is refused whole", () => {
  const edgeless = { ...BATCH, edges: [] };
  const message = overTheWire(BATCH);
  message.edges[0]!.source = 99;
  for (const wrong of [overTheWire(edgeless), message])
    expect(decodeBatch(wrong)).toMatchObject({ ok: false, problems: [{ code: "HDL_TELEMETRY_BATCH" }] });
});

test("words of a newer agent are not mistaken for known ones", () => {
  const message = overTheWire(BATCH);
  message.series[0]!.endReason = "eaten-by-grue";
  message.events[0]!.kind = "moon-phase";
  message.samples[0]!.verdict = "perhaps";
  const decoded = decodeBatch(message);
  if (!decoded.ok) throw new Error("refused");
  expect(decoded.value.series[0]!.endReason).toBe("internal-error");
  expect([decoded.value.events, decoded.value.samples]).toEqual([[], []]);
});
