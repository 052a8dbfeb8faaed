/**
 * One request of an app, from its head to the last byte of its answer: choose an endpoint, open a stream on the connection to it, and
 * carry both bodies with back-pressure.
 */
import type { Candidate } from "#routing";
import { type EndReason, isEndReason } from "#telemetry";
import { RequestRecord } from "#telemetry/record";
import { type FieldList, fieldValue } from "#wire/fields";
import type { RequestHead } from "#wire/http1";
import { H2_ERROR, type MessageKind } from "#wire/http2";
import { formatTraceparent } from "#wire/trace-context";
import type { ProxyContext } from "../context.ts";
import type { Expirable } from "../deadlines.ts";
import { hasSwitched, requestToMesh } from "../fields.ts";
import type { Link, LinkStream } from "../link.ts";
import { localReply } from "../local-reply.ts";
import type { LinkWaiter } from "./peer.ts";
import type { OutboundService, Target } from "./service.ts";

/** The connection that asked, as an exchange needs it. */
export interface Downstream {
  readonly edgeCaller: string | undefined;
  interim(status: number, fields: FieldList): void;
  /** `upgrade` is the protocol that was switched to, or "". */
  head(status: number, fields: FieldList, upgrade: string): void;
  body(data: Uint8Array): void;
  /** The answer is complete; `trailers` may be empty. */
  end(trailers: FieldList): void;
  /** The answer cannot be completed: the connection is cut, so that the caller does not take a part for the whole. */
  abort(): void;
  /** Whether more of the answer should wait until `onDrained`. */
  readonly isFull: boolean;
  /** The exchange takes more of the request's body again. */
  resumeBody(): void;
  /** The exchange is over. `isRequestUnread`: part of the request was not taken. */
  finished(isRequestUnread: boolean): void;
}

export class OutboundExchange implements LinkStream, LinkWaiter, Expirable {
  deadlineMs = Number.POSITIVE_INFINITY;
  readonly #context: ProxyContext;
  readonly #service: OutboundService;
  readonly #downstream: Downstream;
  readonly #head: RequestHead;
  readonly #record = new RequestRecord();
  readonly #fields: FieldList;
  #candidate: Candidate<Target> | undefined;
  #link: Link | undefined;
  #stream = 0;
  #attempts = 0;
  /** Body that no stream has taken yet; its sender is paused while there is any. */
  #held: Uint8Array[] = [];
  #isBodyEnded = false;
  #isBodySent = false;
  #hasSentBody = false;
  #hasAnswer = false;
  #isTunnel = false;
  #isOver = false;
  #uncredited = 0;
  #trailers: FieldList = [];

  constructor(
    context: ProxyContext,
    service: OutboundService,
    asked: { readonly downstream: Downstream; readonly head: RequestHead },
  ) {
    this.#context = context;
    this.#service = service;
    this.#downstream = asked.downstream;
    this.#head = asked.head;
    const record = this.#record;
    record.receivedUs = context.clock.nowUs();
    record.edge = service.noEndpointEdge;
    record.method = asked.head.method;
    record.path = asked.head.target;
    record.authority = asked.head.authority;
    context.traceIds.begin(record, asked.head.fields, context.tables.settings.traceSampling);
    this.#fields = requestToMesh(asked.head, {
      traceparent: formatTraceparent(record.traceId, record.spanId, record.sampled),
      requestId: fieldValue(asked.head.fields, "x-request-id") ?? record.traceId,
      edgeCaller: asked.downstream.edgeCaller,
    });
  }

  start(): void {
    const { clock, deadlines, tables } = this.#context;
    this.deadlineMs = clock.nowMs() + tables.settings.requestTimeoutMs;
    deadlines.add(this);
    this.#choose();
  }

  get isTunnel(): boolean {
    return this.#isTunnel;
  }

  /** Takes a part of the request's body, valid during the call. Returns false when the sender should pause until `resumeBody`. */
  sendBody(data: Uint8Array): boolean {
    if (this.#isOver) return true;
    this.#record.requestBytes += data.length;
    if (this.#link === undefined || this.#held.length > 0) {
      this.#held.push(Buffer.from(data));
      return false;
    }
    this.#hasSentBody = true;
    const taken = this.#link.session.sendData(this.#stream, data, false);
    if (taken === data.length) return true;
    this.#held.push(Buffer.from(data.subarray(taken)));
    return false;
  }

  endBody(trailers: FieldList): void {
    this.#isBodyEnded = true;
    this.#requestTrailers = trailers;
    this.#sendHeld();
  }

  #requestTrailers: FieldList = [];

  /** The caller went away. */
  abandon(): void {
    if (this.#isOver) return;
    this.#record.endReason = "downstream-closed";
    this.#cancelStream();
    this.#finish();
  }

  /** What the caller had not read has left. */
  onDrained(): void {
    if (this.#uncredited === 0) return;
    const bytes = this.#uncredited;
    this.#uncredited = 0;
    this.#link?.session.consumed(this.#stream, bytes);
  }

  onLink(link: Link): boolean {
    if (this.#isOver) return true;
    const isWhole = this.#isBodyEnded && this.#held.length === 0 && this.#requestTrailers.length === 0;
    const hasNoBody = this.#head.framing.kind === "none" && this.#head.upgrade === "";
    const stream = link.open(this.#fields, isWhole || hasNoBody, this);
    if (stream === 0) return false;
    this.#isBodySent = isWhole || hasNoBody;
    this.#link = link;
    this.#stream = stream;
    this.#record.sentUs = this.#context.clock.nowUs();
    this.#candidate?.connected();
    if (!this.#isBodySent) this.#sendHeld();
    return true;
  }

  onUnavailable(reason: EndReason): void {
    if (this.#isOver) return;
    const isElsewhere = reason === "upstream-connect-failure" || reason === "identity-mismatch";
    if (isElsewhere) this.#candidate?.connectFailed(this.#context.clock.nowMs());
    if (isElsewhere && this.#attempts <= this.#context.limits.connectRetriesMax) this.#choose();
    else this.#replyLocally(reason);
  }

  onHeaders(fields: FieldList, endStream: boolean, kind: MessageKind): void {
    if (kind === "trailers") {
      this.#trailers = fields;
      return this.#complete();
    }
    const status = Number(fieldValue(fields, ":status"));
    if (kind === "interim") return this.#downstream.interim(status, fields);
    this.#answer(status, fields);
    if (endStream) this.#complete();
  }

  onData(data: Buffer, endStream: boolean): void {
    const { clock, limits } = this.#context;
    this.#record.responseBytes += data.length;
    this.deadlineMs = clock.nowMs() + (this.#isTunnel ? limits.tunnelIdleTimeoutMs : limits.streamIdleTimeoutMs);
    if (data.length > 0) this.#downstream.body(data);
    if (this.#downstream.isFull) this.#uncredited += data.length;
    else this.#link?.session.consumed(this.#stream, data.length);
    if (endStream) this.#complete();
  }

  onReset(code: number, byPeer: boolean): void {
    if (this.#isOver) return;
    this.#link = undefined;
    // The peer did nothing with it, and all of it is still here: it may be asked again.
    const isRepeatable = code === H2_ERROR.REFUSED_STREAM && !this.#hasSentBody && !this.#hasAnswer;
    if (isRepeatable && this.#attempts <= this.#context.limits.connectRetriesMax) return this.#choose();
    const reason: EndReason =
      byPeer && code !== H2_ERROR.NO_ERROR ? "upstream-reset" : "upstream-connection-terminated";
    if (this.#hasAnswer) this.#cutOff(reason);
    else this.#replyLocally(reason);
  }

  onWritable(): void {
    this.#sendHeld();
  }

  onDeadline(): void {
    const reason: EndReason = this.#hasAnswer ? "stream-idle-timeout" : "request-timeout";
    this.#cancelStream();
    if (this.#hasAnswer) this.#cutOff(reason);
    else this.#replyLocally(reason);
  }

  #choose(): void {
    const { clock } = this.#context;
    const previous = this.#candidate;
    if (previous !== undefined) previous.inFlight--;
    this.#candidate = this.#service.select(clock.nowMs(), previous);
    this.#attempts++;
    if (this.#candidate === undefined) return this.#replyLocally("no-healthy-upstream");
    this.#candidate.inFlight++;
    this.#record.edge = this.#candidate.endpoint.edge;
    this.#record.chosenUs = clock.nowUs();
    this.#candidate.endpoint.peer.request(this);
  }

  #answer(status: number, fields: FieldList): void {
    const { clock, limits } = this.#context;
    this.#hasAnswer = true;
    this.#record.firstByteUs = clock.nowUs();
    this.#record.status = status;
    const reason = fieldValue(fields, "x-heddle-reason");
    if (reason !== undefined && isEndReason(reason)) this.#record.endReason = reason;
    if (reason === "policy-denied") this.#noteDenial(fields);
    this.#isTunnel = this.#head.upgrade !== "" && hasSwitched(status, fields);
    this.deadlineMs = clock.nowMs() + (this.#isTunnel ? limits.tunnelIdleTimeoutMs : limits.streamIdleTimeoutMs);
    if (this.#isTunnel) this.#record.status = 101;
    this.#downstream.head(status, fields, this.#isTunnel ? this.#head.upgrade : "");
    if (this.#head.upgrade !== "" && !this.#isTunnel) this.endBody([]);
  }

  #noteDenial(fields: FieldList): void {
    this.#record.verdict = "deny";
    this.#record.policy = fieldValue(fields, "x-heddle-policy") ?? "";
  }

  #sendHeld(): void {
    const link = this.#link;
    if (link === undefined || this.#isBodySent || this.#isOver) return;
    while (this.#held.length > 0) {
      const next = this.#held[0] as Uint8Array;
      this.#hasSentBody = true;
      const taken = link.session.sendData(this.#stream, next, false);
      if (taken < next.length) {
        this.#held[0] = next.subarray(taken);
        return;
      }
      this.#held.shift();
    }
    if (!this.#isBodyEnded) return this.#downstream.resumeBody();
    this.#isBodySent = true;
    if (this.#requestTrailers.length > 0) link.session.sendHeaders(this.#stream, this.#requestTrailers, true);
    else link.session.sendData(this.#stream, NOTHING, true);
  }

  #complete(): void {
    this.#downstream.end(this.#trailers);
    if (!this.#isBodySent) this.#cancelStream();
    this.#finish();
  }

  #replyLocally(reason: EndReason): void {
    const reply = localReply(reason);
    this.#record.status = reply.status;
    this.#record.endReason = reason;
    this.#downstream.head(reply.status, reply.fields, "");
    this.#downstream.body(Buffer.from(reply.body));
    this.#downstream.end([]);
    this.#finish();
  }

  #cutOff(reason: EndReason): void {
    this.#record.endReason = reason;
    this.#downstream.abort();
    this.#finish();
  }

  #cancelStream(): void {
    this.#candidate?.endpoint.peer.forget(this);
    this.#link?.session.reset(this.#stream, this.#hasAnswer ? H2_ERROR.NO_ERROR : H2_ERROR.CANCEL);
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#context.deadlines.remove(this);
    this.#record.doneUs = this.#context.clock.nowUs();
    this.#context.recorder.finish(this.#record);
    this.#link?.release(this.#stream);
    if (this.#candidate !== undefined) {
      this.#candidate.inFlight--;
      this.#candidate.endpoint.peer.released();
    }
    this.#downstream.finished(!this.#isBodySent && !this.#isBodyEnded);
  }
}

const NOTHING = new Uint8Array(0);
