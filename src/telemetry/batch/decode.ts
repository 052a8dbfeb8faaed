import { failure, problem, type Result, success } from "#model";
import type { TelemetryBatchMessage } from "#proto";
import {
  type AgentEvent,
  BUCKET_COUNT,
  type DecisionDelta,
  type DecisionDetail,
  type EdgeKey,
  type EdgeProtocol,
  type EndReason,
  ISTIO_BUCKET_COUNT,
  isEndReason,
  type Party,
  type Refusal,
  type RequestSample,
  type SampleClass,
  type SeriesDelta,
  type Stages,
  type TelemetryBatch,
  type TokenSeen,
  type Verdict,
} from "#telemetry";

/** Bounds of one batch; an agent within its own limits never meets them. */
export const BATCH_LIMITS = {
  edges: 4096,
  series: 8192,
  samples: 8192,
  decisions: 8192,
  notes: 1024,
  textChars: 512,
  audits: 8,
} as const;

const PROTOCOLS: ReadonlySet<string> = new Set<EdgeProtocol>(["http", "grpc", "tcp"]);
const CLASSES: ReadonlySet<string> = new Set<SampleClass>(["failed", "denied", "slow", "sampled", "flow"]);
const VERDICTS: ReadonlySet<string> = new Set<Verdict>(["none", "allow", "deny"]);
const REFUSALS: ReadonlySet<string> = new Set<Refusal["reason"]>([
  "plaintext",
  "unexpected-tls",
  "untrusted-certificate",
  "identity-mismatch",
]);
const DETAILS: ReadonlySet<string> = new Set<DecisionDetail>(["whole", "prefix", "caller"]);
const TOKENS: ReadonlySet<string> = new Set<TokenSeen>(["unread", "none", "verified", "refused"]);
const EVENTS: ReadonlySet<string> = new Set<AgentEvent["kind"]>([
  "svid-rotated",
  "config-applied",
  "config-rejected",
  "app-ready",
  "app-unready",
  "agent-late",
]);

/**
 * A batch as a peer sent it, checked: sizes, indexes, closed lists, text lengths.
 *
 * Fails as a whole with HDL_TELEMETRY_BATCH. A word that a newer agent knows and this server does not is no failure: an end
 * becomes `internal-error`, a note or sample of unknown kind is left out.
 */
export function decodeBatch(message: TelemetryBatchMessage): Result<TelemetryBatch> {
  const wrong = whatIsWrong(message);
  if (wrong !== undefined) return failure(problem("HDL_TELEMETRY_BATCH", `A telemetry batch is not usable: ${wrong}.`));
  const parties = message.parties.map(decodeParty);
  const nobody: Party = { namespace: "", workload: "", instance: "", principal: "", service: "", version: "" };
  const edges = message.edges.map(
    (edge): EdgeKey => ({
      reporter: edge.byDestination ? "destination" : "source",
      source: parties[edge.source] ?? nobody,
      destination: parties[edge.destination] ?? nobody,
      protocol: edge.protocol as EdgeProtocol,
      mtls: edge.mtls,
    }),
  );
  return success({
    fromMs: Number(message.fromMs),
    toMs: Number(message.toMs),
    edges,
    series: message.series.map(decodeSeries),
    samples: message.samples.filter((each) => CLASSES.has(each.kept) && VERDICTS.has(each.verdict)).map(decodeSample),
    refusals: message.refusals.filter((each) => REFUSALS.has(each.reason)).map(decodeRefusal),
    events: message.events.filter((each) => EVENTS.has(each.kind)).map(decodeEvent),
    decisions: message.decisions.filter(isDecision).map(decodeDecision),
    unrecordedDecisions: Number(message.unrecordedDecisions),
    droppedSamples: message.droppedSamples,
  });
}

function whatIsWrong(message: TelemetryBatchMessage): string | undefined {
  const { edges, parties, series, samples, decisions, refusals, events } = message;
  if (parties.length > BATCH_LIMITS.edges * 2 || edges.length > BATCH_LIMITS.edges) return "it names too many edges";
  if (series.length > BATCH_LIMITS.series) return "it has too many series";
  if (samples.length > BATCH_LIMITS.samples) return "it has too many samples";
  if (decisions.length > BATCH_LIMITS.decisions) return "it has too many decisions";
  if (refusals.length > BATCH_LIMITS.notes || events.length > BATCH_LIMITS.notes) return "it has too many notes";
  if (message.toMs < message.fromMs) return "it ends before it begins";
  const isEdge = (edge: { source: number; destination: number; protocol: string }): boolean =>
    edge.source < parties.length && edge.destination < parties.length && PROTOCOLS.has(edge.protocol);
  if (!edges.every(isEdge)) return "an edge names a party or protocol that it does not have";
  const pointsInside = (each: { edge: number }): boolean => each.edge < edges.length;
  if (![...series, ...samples, ...decisions].every(pointsInside)) return "an entry names an edge that it does not have";
  if (!series.every((each) => each.stagesUs.length === 4)) return "a series does not have four stages";
  return undefined;
}

type Message<K extends "parties" | "series" | "samples" | "decisions" | "refusals" | "events"> =
  TelemetryBatchMessage[K][number];

function decodeParty(party: Message<"parties">): Party {
  return {
    namespace: short(party.namespace),
    workload: short(party.workload),
    instance: short(party.instance),
    principal: party.principal.slice(0, 2048),
    service: short(party.service),
    version: short(party.version),
  };
}

/** How many statuses gRPC has. */
const GRPC_STATUSES = 17;

function decodeSeries(series: Message<"series">): SeriesDelta {
  return {
    edge: series.edge,
    status: Math.min(series.status, 999),
    grpcStatus: Math.min(series.grpcStatus, GRPC_STATUSES) - 1,
    endReason: endReasonOf(series.endReason),
    policy: short(series.policy),
    count: Number(series.count),
    requestBytes: Number(series.requestBytes),
    responseBytes: Number(series.responseBytes),
    stagesUs: series.stagesUs.map(Number) as unknown as Stages,
    buckets: pairs(series.buckets, BUCKET_COUNT),
    requestSizes: pairs(series.requestSizes, ISTIO_BUCKET_COUNT),
    responseSizes: pairs(series.responseSizes, ISTIO_BUCKET_COUNT),
  };
}

function decodeSample(sample: Message<"samples">): RequestSample {
  const receivedUs = Number(sample.receivedUs);
  const stamp = (offset: bigint): number => (offset === 0n ? 0 : receivedUs + Number(offset) - 1);
  return {
    edge: sample.edge,
    kept: sample.kept as SampleClass,
    traceId: idText(sample.traceId, 16),
    spanId: idText(sample.spanId, 8),
    parentSpanId: idText(sample.parentSpanId, 8),
    receivedUs,
    chosenUs: stamp(sample.chosenUs),
    sentUs: stamp(sample.sentUs),
    firstByteUs: stamp(sample.firstByteUs),
    doneUs: stamp(sample.doneUs),
    status: Math.min(sample.status, 999),
    endReason: endReasonOf(sample.endReason),
    requestBytes: Number(sample.requestBytes),
    responseBytes: Number(sample.responseBytes),
    method: short(sample.method),
    path: short(sample.path),
    authority: short(sample.authority),
    verdict: sample.verdict as Verdict,
    policy: short(sample.policy),
    rule: sample.rule,
    observedVerdict: verdictOf(sample.observedVerdict),
    observedPolicy: short(sample.observedPolicy),
    audits: sample.audits.slice(0, BATCH_LIMITS.audits).map(short),
  };
}

function isDecision({ detail, token, verdict }: Message<"decisions">): boolean {
  return DETAILS.has(detail) && TOKENS.has(token) && (verdict === "allow" || verdict === "deny");
}

function decodeDecision(decision: Message<"decisions">): DecisionDelta {
  return {
    edge: decision.edge,
    port: Math.min(decision.port, 65_535),
    detail: decision.detail as DecisionDetail,
    method: short(decision.method),
    path: short(decision.path),
    host: short(decision.host),
    token: decision.token as TokenSeen,
    issuer: short(decision.issuer),
    verdict: decision.verdict as DecisionDelta["verdict"],
    isExternal: decision.external,
    policy: short(decision.policy),
    rule: decision.rule,
    observedVerdict: verdictOf(decision.observedVerdict),
    observedPolicy: short(decision.observedPolicy),
    count: Number(decision.count),
  };
}

function verdictOf(text: string): Verdict {
  return VERDICTS.has(text) ? (text as Verdict) : "none";
}

function decodeRefusal(refusal: Message<"refusals">): Refusal {
  return {
    atMs: Number(refusal.atMs),
    reason: refusal.reason as Refusal["reason"],
    peerAddress: short(refusal.peerAddress),
    presented: refusal.presented.slice(0, 2048),
    localPort: refusal.localPort,
    count: Math.max(1, refusal.count),
  };
}

function decodeEvent(event: Message<"events">): AgentEvent {
  return { atMs: Number(event.atMs), kind: event.kind as AgentEvent["kind"], detail: short(event.detail) };
}

function endReasonOf(text: string): EndReason {
  return isEndReason(text) ? text : "internal-error";
}

function short(text: string): string {
  return text.length > BATCH_LIMITS.textChars ? text.slice(0, BATCH_LIMITS.textChars) : text;
}

function pairs(values: readonly number[], buckets: number): readonly number[] {
  return values.length % 2 === 0 && values.length <= buckets * 2 ? values : [];
}

function idText(bytes: Uint8Array, length: number): string {
  return bytes.length === length ? bytes.toHex() : "";
}
