import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type TelemetryBatchMessage, TelemetryBatchSchema } from "#proto";
import type { DecisionDelta, EdgeKey, Party, RequestSample, SeriesDelta, TelemetryBatch } from "#telemetry";

type Init = MessageInitShape<typeof TelemetryBatchSchema>;
type Items<K extends keyof Init> = NonNullable<Init[K]> extends readonly (infer Item)[] ? Item : never;

/** The protocol's form of a batch. Parties that several edges share are written once. */
export function encodeBatch(batch: TelemetryBatch): TelemetryBatchMessage {
  const parties: Party[] = [];
  const indexByParty = new Map<Party, number>();
  const partyIndex = (party: Party): number => {
    const known = indexByParty.get(party);
    if (known !== undefined) return known;
    indexByParty.set(party, parties.length);
    return parties.push(party) - 1;
  };
  const edges = batch.edges.map((edge) => encodeEdge(edge, partyIndex));
  return create(TelemetryBatchSchema, {
    fromMs: whole(batch.fromMs),
    toMs: whole(batch.toMs),
    parties: parties.map((party) => ({ ...party })),
    edges,
    series: batch.series.map(encodeSeries),
    samples: batch.samples.map(encodeSample),
    refusals: batch.refusals.map((each) => ({ ...each, atMs: whole(each.atMs) })),
    events: batch.events.map((each) => ({ ...each, atMs: whole(each.atMs) })),
    droppedSamples: batch.droppedSamples,
    decisions: batch.decisions.map(encodeDecision),
    unrecordedDecisions: whole(batch.unrecordedDecisions),
  });
}

function encodeEdge(edge: EdgeKey, partyIndex: (party: Party) => number): Items<"edges"> {
  return {
    byDestination: edge.reporter === "destination",
    source: partyIndex(edge.source),
    destination: partyIndex(edge.destination),
    protocol: edge.protocol,
    mtls: edge.mtls,
  };
}

function encodeSeries(series: SeriesDelta): Items<"series"> {
  return {
    edge: series.edge,
    status: series.status,
    grpcStatus: series.grpcStatus + 1,
    endReason: series.endReason,
    policy: series.policy,
    count: whole(series.count),
    requestBytes: whole(series.requestBytes),
    responseBytes: whole(series.responseBytes),
    stagesUs: series.stagesUs.map(whole),
    buckets: [...series.buckets],
    requestSizes: [...series.requestSizes],
    responseSizes: [...series.responseSizes],
  };
}

function encodeSample(sample: RequestSample): Items<"samples"> {
  const offset = (us: number): bigint => (us > 0 ? whole(us - sample.receivedUs) + 1n : 0n);
  return {
    edge: sample.edge,
    kept: sample.kept,
    traceId: hexBytes(sample.traceId),
    spanId: hexBytes(sample.spanId),
    parentSpanId: hexBytes(sample.parentSpanId),
    receivedUs: whole(sample.receivedUs),
    chosenUs: offset(sample.chosenUs),
    sentUs: offset(sample.sentUs),
    firstByteUs: offset(sample.firstByteUs),
    doneUs: offset(sample.doneUs),
    status: sample.status,
    endReason: sample.endReason,
    requestBytes: whole(sample.requestBytes),
    responseBytes: whole(sample.responseBytes),
    method: sample.method,
    path: sample.path,
    authority: sample.authority,
    verdict: sample.verdict,
    policy: sample.policy,
    rule: sample.rule,
    observedVerdict: sample.observedVerdict,
    observedPolicy: sample.observedPolicy,
    audits: [...sample.audits],
  };
}

function encodeDecision({ isExternal, ...decision }: DecisionDelta): Items<"decisions"> {
  return { ...decision, external: isExternal, count: whole(decision.count) };
}

function whole(value: number): bigint {
  return value > 0 ? BigInt(Math.round(value)) : 0n;
}

/** Identifiers that are not hexadecimal are left out. */
function hexBytes(text: string): Uint8Array<ArrayBuffer> {
  return /^(?:[0-9a-f]{2})*$/.test(text) ? Uint8Array.fromHex(text) : new Uint8Array(0);
}
