import type { EndReason, TokenSeen, Verdict } from "#telemetry";

const NO_AUDITS: readonly string[] = [];

/**
 * What is known of one request on one side, filled in as it passes; owned by the proxy and reused.
 *
 * Stamps are in µs of `Clock.nowUs`; one that was not reached stays 0. Source side: received = head parsed, chosen =
 * endpoint chosen, sent = head handed to the connection, firstByte = answer's head arrived, done = last byte handed over.
 * Destination side: chosen = decision made and app connection ready, sent and firstByte = to and from the app.
 */
export class RequestRecord {
  /** Slot of `Recorder.openEdge`; 0 is the overflow slot. */
  edge = 0;
  receivedUs = 0;
  chosenUs = 0;
  sentUs = 0;
  firstByteUs = 0;
  doneUs = 0;
  /** 0 when no answer was made. */
  status = 0;
  /** How a gRPC call ended (gRPC over HTTP/2, Status-Code); -1 for what is no gRPC. */
  grpcStatus = -1;
  endReason: EndReason = "completed";
  requestBytes = 0;
  responseBytes = 0;
  method = "";
  path = "";
  authority = "";
  traceId = "";
  spanId = "";
  parentSpanId = "";
  sampled = false;
  verdict: Verdict = "none";
  /** Label of the policy that decided. */
  policy = "";
  rule = -1;
  /** What it would have been with the policies in observe mode enforced; "none" when there are none. */
  observedVerdict: Verdict = "none";
  observedPolicy = "";
  /** Of the app that was called; 0 on the source side. */
  port = 0;
  token: TokenSeen = "unread";
  /** Of the request's principal; empty without one. */
  issuer = "";
  /** Labels of the AUDIT policies that it met. */
  audits: readonly string[] = NO_AUDITS;

  /** Back to the state of a new record. */
  reset(): void {
    copyRecord(EMPTY, this);
  }
}

/** Copies every field. */
export function copyRecord(from: RequestRecord, into: RequestRecord): void {
  into.edge = from.edge;
  into.receivedUs = from.receivedUs;
  into.chosenUs = from.chosenUs;
  into.sentUs = from.sentUs;
  into.firstByteUs = from.firstByteUs;
  into.doneUs = from.doneUs;
  into.status = from.status;
  into.grpcStatus = from.grpcStatus;
  into.endReason = from.endReason;
  into.requestBytes = from.requestBytes;
  into.responseBytes = from.responseBytes;
  into.method = from.method;
  into.path = from.path;
  into.authority = from.authority;
  into.traceId = from.traceId;
  into.spanId = from.spanId;
  into.parentSpanId = from.parentSpanId;
  into.sampled = from.sampled;
  into.verdict = from.verdict;
  into.policy = from.policy;
  into.rule = from.rule;
  into.observedVerdict = from.observedVerdict;
  into.observedPolicy = from.observedPolicy;
  into.port = from.port;
  into.token = from.token;
  into.issuer = from.issuer;
  into.audits = from.audits;
}

const EMPTY = new RequestRecord();
