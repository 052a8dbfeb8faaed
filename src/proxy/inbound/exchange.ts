/** One request from another agent: decided before the app sees a byte of it, then carried to the app and back. */
import { type Decision, decide, type RequestAttributes } from "#policy";
import type { EndReason } from "#telemetry";
import { RequestRecord } from "#telemetry/record";
import { type FieldList, fieldValue } from "#wire/fields";
import type { Http1Fault, ResponseHead } from "#wire/http1";
import { H2_ERROR, type MessageKind } from "#wire/http2";
import { formatTraceparent } from "#wire/trace-context";
import type { Expirable } from "../deadlines.ts";
import { requestToApp, responseToMesh } from "../fields.ts";
import type { Link, LinkStream } from "../link.ts";
import { localReply } from "../local-reply.ts";
import type { AppConnection, AppUser } from "./app-connection.ts";
import type { AppWaiter } from "./app-pool.ts";
import type { InboundPeer } from "./peer.ts";

const NOTHING = new Uint8Array(0);
/** Methods that may be sent again when a kept connection turns out to be closed (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

export class InboundExchange implements LinkStream, AppWaiter, AppUser, Expirable {
  deadlineMs = Number.POSITIVE_INFINITY;
  readonly #peer: InboundPeer;
  readonly #link: Link;
  readonly #stream: number;
  readonly #record = new RequestRecord();
  #fields: FieldList = [];
  #upgrade = "";
  #app: AppConnection | undefined;
  /** Request body that waits for the app's connection; its credit is given when it leaves. */
  #heldForApp: Buffer[] = [];
  #requestTrailers: FieldList = [];
  #isChunked = false;
  #hasBody = false;
  #isRequestEnded = false;
  #uncredited = 0;
  /** Answer that waits for room in the stream; the app is paused while there is any. */
  #heldForPeer: Uint8Array[] = [];
  #answerEnd: FieldList | undefined;
  #hasAnswer = false;
  #isTunnel = false;
  #isRetried = false;
  #isOver = false;

  constructor(peer: InboundPeer, link: Link, stream: number) {
    this.#peer = peer;
    this.#link = link;
    this.#stream = stream;
  }

  // From the peer's agent.

  onHeaders(fields: FieldList, endStream: boolean, kind: MessageKind): void {
    if (kind === "request") return this.#begin(fields, endStream);
    this.#requestTrailers = fields;
    this.#endRequest();
  }

  onData(data: Buffer, endStream: boolean): void {
    this.#record.requestBytes += data.length;
    if (this.#isOver) this.#link.session.consumed(this.#stream, data.length);
    else if (this.#app === undefined) {
      this.#heldForApp.push(Buffer.from(data));
      this.#uncredited += data.length;
    } else this.#sendToApp(this.#app, data);
    if (endStream) this.#endRequest();
  }

  onReset(): void {
    if (this.#isOver) return;
    this.#record.endReason = "downstream-closed";
    this.#finish();
  }

  onWritable(): void {
    this.#sendHeldToPeer();
  }

  onDeadline(): void {
    if (this.#hasAnswer) this.#cutOff("stream-idle-timeout");
    else this.#replyLocally("request-timeout");
  }

  // From the app's pool.

  onConnection(connection: AppConnection): void {
    const { clock } = this.#peer.context;
    if (this.#isOver) return connection.destroy();
    this.#app = connection;
    if (this.#record.chosenUs === 0) this.#record.chosenUs = clock.nowUs();
    this.#record.sentUs = clock.nowUs();
    connection.begin(this, { method: this.#record.method, head: this.#appHead(), isWhole: !this.#hasBody });
    for (const held of this.#heldForApp.splice(0)) connection.body(held, this.#isChunked);
    if (this.#isRequestEnded && this.#hasBody) connection.endBody(this.#isChunked, this.#requestTrailers);
    if (connection.pending <= this.#peer.context.limits.outputBytesHigh) this.#credit();
  }

  onNoConnection(reason: EndReason): void {
    if (!this.#isOver) this.#replyLocally(reason);
  }

  // From the app.

  onAppHead(head: ResponseHead): void {
    if (head.status < 200 && head.status !== 101) return this.#passInterim(head);
    const { clock, limits } = this.#peer.context;
    this.#hasAnswer = true;
    this.#isTunnel = head.status === 101;
    this.#record.firstByteUs = clock.nowUs();
    this.#record.status = head.status;
    this.deadlineMs = clock.nowMs() + (this.#isTunnel ? limits.tunnelIdleTimeoutMs : limits.streamIdleTimeoutMs);
    if (this.#isTunnel && this.#upgrade === "") return this.#replyLocally("upstream-protocol-error");
    const fields = responseToMesh(head, this.#upgrade !== "" && !this.#isTunnel);
    this.#link.session.sendHeaders(this.#stream, fields, false);
  }

  onAppBody(data: Uint8Array): boolean {
    const { clock, limits } = this.#peer.context;
    this.#record.responseBytes += data.length;
    this.deadlineMs = clock.nowMs() + (this.#isTunnel ? limits.tunnelIdleTimeoutMs : limits.streamIdleTimeoutMs);
    if (this.#heldForPeer.length > 0) {
      this.#heldForPeer.push(Buffer.from(data));
      return false;
    }
    const taken = this.#link.session.sendData(this.#stream, data, false);
    if (taken === data.length) return true;
    this.#heldForPeer.push(Buffer.from(data.subarray(taken)));
    return false;
  }

  onAppEnd(trailers: FieldList): void {
    if (!this.#isTunnel) this.#app = undefined;
    this.#answerEnd = trailers;
    this.#sendHeldToPeer();
  }

  onAppFailed(fault: Http1Fault, isUntouched: boolean): void {
    const isStale = isUntouched && this.#app?.isReused === true && !this.#hasBody;
    this.#app = undefined;
    if (this.#isOver) return;
    // The app closed a kept connection just as it was used again: nothing was asked of it.
    if (isStale && !this.#isRetried && IDEMPOTENT.has(this.#record.method)) {
      this.#isRetried = true;
      this.#peer.pool.request(this, true);
    } else if (this.#hasAnswer) this.#cutOff("upstream-connection-terminated");
    else this.#replyLocally(fault === "unexpected-end" ? "upstream-connection-terminated" : "upstream-protocol-error");
  }

  onAppDrained(): void {
    this.#credit();
  }

  #begin(fields: FieldList, endStream: boolean): void {
    const { context } = this.#peer;
    const record = this.#record;
    record.receivedUs = context.clock.nowUs();
    record.edge = this.#peer.edge;
    this.#fields = fields;
    this.#upgrade = fieldValue(fields, ":protocol") ?? "";
    record.method = this.#upgrade === "" ? (fieldValue(fields, ":method") ?? "") : "GET";
    record.path = fieldValue(fields, ":path") ?? "";
    record.authority = fieldValue(fields, ":authority") ?? fieldValue(fields, "host") ?? "";
    this.#hasBody = !endStream && this.#upgrade === "";
    this.#isRequestEnded = endStream;
    this.#isChunked = this.#hasBody && fieldValue(fields, "content-length") === undefined;
    context.traceIds.begin(record, fields, 0);
    this.deadlineMs = context.clock.nowMs() + context.tables.settings.requestTimeoutMs;
    context.deadlines.add(this);
    this.#decide();
  }

  #decide(): void {
    const { context } = this.#peer;
    // A tunnel is no request to an app: there is nothing here that could carry it.
    if (this.#record.method === "CONNECT") return this.#replyLocally("route-not-found");
    const decision = decide(context.tables.inbound, this.#attributes());
    this.#record.verdict = decision.verdict;
    this.#record.policy = decision.label;
    this.#record.rule = decision.rule;
    if (decision.verdict === "deny") this.#deny(decision);
    else this.#peer.pool.request(this, false);
  }

  #attributes(): RequestAttributes {
    const { attributes } = this.#peer;
    const query = this.#record.path.indexOf("?");
    attributes.method = this.#record.method;
    attributes.path = query < 0 ? this.#record.path : this.#record.path.slice(0, query);
    attributes.host = this.#record.authority;
    return attributes;
  }

  #deny(decision: Decision): void {
    const { explainDenials } = this.#peer.context.tables.settings;
    this.#replyLocally("policy-denied", explainDenials ? decision.label : "");
  }

  #appHead(): string {
    const record = this.#record;
    return requestToApp(this.#fields, {
      method: record.method,
      path: record.path,
      authority: record.authority,
      upgrade: this.#upgrade,
      traceparent: formatTraceparent(record.traceId, record.spanId, record.sampled),
      clientCertificate: this.#peer.clientCertificate,
      isChunked: this.#isChunked,
    });
  }

  #passInterim(head: ResponseHead): void {
    this.#link.session.sendHeaders(this.#stream, [":status", String(head.status), ...head.fields], false);
  }

  #sendToApp(app: AppConnection, data: Buffer): void {
    app.body(data, this.#isChunked);
    if (app.pending > this.#peer.context.limits.outputBytesHigh) this.#uncredited += data.length;
    else this.#link.session.consumed(this.#stream, data.length);
  }

  #credit(): void {
    if (this.#uncredited === 0) return;
    const bytes = this.#uncredited;
    this.#uncredited = 0;
    this.#link.session.consumed(this.#stream, bytes);
  }

  #endRequest(): void {
    this.#isRequestEnded = true;
    this.#app?.endBody(this.#isChunked, this.#requestTrailers);
    if (this.#isTunnel && this.#answerEnd !== undefined) this.#finish();
  }

  #sendHeldToPeer(): void {
    while (this.#heldForPeer.length > 0) {
      const next = this.#heldForPeer[0] as Uint8Array;
      const taken = this.#link.session.sendData(this.#stream, next, false);
      if (taken < next.length) {
        this.#heldForPeer[0] = next.subarray(taken);
        return;
      }
      this.#heldForPeer.shift();
    }
    if (this.#answerEnd === undefined) this.#app?.resume();
    else this.#complete(this.#answerEnd);
  }

  #complete(trailers: FieldList): void {
    if (trailers.length > 0) this.#link.session.sendHeaders(this.#stream, trailers, true);
    else this.#link.session.sendData(this.#stream, NOTHING, true);
    if (this.#isTunnel && !this.#isRequestEnded) return;
    // An answer before the end of the request: the rest is not wanted (RFC 9113 §8.1).
    if (!this.#isRequestEnded) this.#link.session.reset(this.#stream, H2_ERROR.NO_ERROR);
    this.#finish();
  }

  #replyLocally(reason: EndReason, policy = ""): void {
    const reply = localReply(reason, { policy });
    this.#record.status = reply.status;
    this.#record.endReason = reason;
    this.#link.session.sendHeaders(this.#stream, [":status", String(reply.status), ...reply.fields], false);
    this.#link.session.sendData(this.#stream, Buffer.from(reply.body), true);
    if (!this.#isRequestEnded) this.#link.session.reset(this.#stream, H2_ERROR.NO_ERROR);
    this.#finish();
  }

  #cutOff(reason: EndReason): void {
    this.#record.endReason = reason;
    this.#link.session.reset(this.#stream, H2_ERROR.INTERNAL_ERROR);
    this.#finish();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { context, pool } = this.#peer;
    context.deadlines.remove(this);
    this.#record.doneUs = context.clock.nowUs();
    context.recorder.finish(this.#record);
    pool.forget(this);
    this.#app?.abandon();
    this.#app = undefined;
    this.#link.release(this.#stream);
  }
}
