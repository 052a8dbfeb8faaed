/**
 * One request of an app, from its head to the last byte of its answer: choose an endpoint, open a stream on the connection to it, and
 * carry both bodies with back-pressure.
 */
import type { Cancel } from "#engine/time";
import type { Candidate } from "#routing";
import { type EndReason, isEndReason } from "#telemetry";
import { RequestRecord } from "#telemetry/record";
import { type FieldList, fieldValue } from "#wire/fields";
import { H2_ERROR, type MessageKind } from "#wire/http2";
import { formatTraceparent } from "#wire/trace-context";
import type { ProxyContext } from "../context.ts";
import type { Expirable } from "../deadlines.ts";
import { type AskedRequest, hasSwitched, isTunnelRequest, requestToMesh } from "../fields.ts";
import { httpStatusOf, isGrpc } from "../grpc.ts";
import type { Link, LinkStream } from "../link.ts";
import { localReply } from "../local-reply.ts";
import { patienceMs } from "../patience.ts";
import { mayRepeat } from "../repeatable.ts";
import { StreamOutput } from "../stream-output.ts";
import type { Downstream } from "./downstream.ts";
import type { LinkWaiter } from "./peer.ts";
import { RepeatableBody } from "./repeatable-body.ts";
import type { OutboundService, Target } from "./service.ts";

/** Full jitter up to this before the first repetition to the same endpoint, twice as much before each further one. */
const BACKOFF_MS = 25;

export class OutboundExchange implements LinkStream, LinkWaiter, Expirable {
  deadlineMs = Number.POSITIVE_INFINITY;
  deadlineSlot = -1;
  readonly #context: ProxyContext;
  readonly #service: OutboundService;
  readonly #downstream: Downstream;
  readonly #asked: AskedRequest;
  readonly #record = new RequestRecord();
  readonly #fields: FieldList;
  readonly #patienceMs: number;
  #candidate: Candidate<Target> | undefined;
  #output: StreamOutput | undefined;
  #attempts = 0;
  /** What happens now happens at the instant of the choice. */
  #isChoosing = false;
  /** When it began, was answered, or a part of a body last passed; by the clock of the deadlines. */
  #movedMs = 0;
  readonly #body: RepeatableBody;
  /** Ends the wait before it is sent again. */
  #cancelWait: Cancel | undefined;
  #requestTrailers: FieldList = [];
  #isBodyEnded: boolean;
  #hasAnswer = false;
  #isAnswerEnded = false;
  #isTunnel = false;
  #isOver = false;
  #uncredited = 0;

  constructor(
    context: ProxyContext,
    service: OutboundService,
    { downstream, request }: { readonly downstream: Downstream; readonly request: AskedRequest },
  ) {
    this.#context = context;
    this.#service = service;
    this.#body = new RepeatableBody(context.limits.repeatableBytesMax);
    this.#downstream = downstream;
    this.#asked = request;
    this.#isBodyEnded = !request.hasBody && request.upgrade === "" && !isTunnelRequest(request);
    const record = this.#record;
    record.receivedUs = context.clock.nowUs();
    record.edge = service.noEndpointEdge;
    record.method = request.method;
    record.path = request.target;
    record.authority = request.authority;
    context.traceIds.begin(record, request.fields, context.tables.settings.traceSampling);
    this.#patienceMs = patienceMs(context, request.fields);
    this.#fields = requestToMesh(request, {
      traceparent: formatTraceparent(record.traceId, record.spanId, record.sampled),
      requestId: fieldValue(request.fields, "x-request-id"),
      edgeCaller: downstream.edgeCaller,
      isHttp2: downstream.isHttp2,
    });
  }

  start(): void {
    const { deadlines } = this.#context;
    this.#movedMs = deadlines.in(0);
    this.deadlineMs = this.#dueMs();
    deadlines.add(this);
    this.#choose(this.#record.receivedUs);
  }

  /** Takes a part of the request's body, valid during the call. Returns false when the sender should pause until `resumeBody`. */
  sendBody(data: Uint8Array): boolean {
    if (this.#isOver) return true;
    this.#record.requestBytes += data.length;
    this.#movedMs = this.#context.deadlines.in(0);
    return this.#body.pass(data, this.#output);
  }

  endBody(trailers: FieldList): void {
    if (this.#isBodyEnded) return;
    this.#isBodyEnded = true;
    this.#requestTrailers = trailers;
    this.#output?.end(trailers);
    this.#finishTunnel();
  }

  /** The caller went away. */
  abandon(): void {
    if (this.#isOver) return;
    this.#record.endReason = "downstream-closed";
    this.#cancelStream();
    this.#finish();
  }

  /** It was begun on a guess that was wrong: it ends, and nothing is recorded of it. */
  withdraw(): void {
    this.#cancelStream();
    this.#leave();
  }

  /** What the caller had not read has left. */
  onDrained(): void {
    if (this.#uncredited === 0) return;
    const bytes = this.#uncredited;
    this.#uncredited = 0;
    this.#credit(bytes);
  }

  onLink(link: Link): boolean {
    if (this.#isOver) return true;
    const isWhole = this.#isBodyEnded && this.#body.isEmpty && this.#requestTrailers.length === 0;
    const stream = link.open(this.#fields, isWhole, this);
    if (stream === 0) return false;
    const { chosenUs } = this.#record;
    this.#record.sentUs = this.#isChoosing ? chosenUs : this.#context.clock.nowUs();
    this.#candidate?.connected();
    this.#output = new StreamOutput(link, stream, () => this.#downstream.resumeBody());
    if (isWhole) this.#output.markEnded();
    else this.#sendBodySoFar(this.#output);
    return true;
  }

  onUnavailable(reason: EndReason): void {
    if (this.#isOver) return;
    if (!this.#isRepeated(reason)) this.#replyLocally(reason);
  }

  onHeaders(fields: FieldList, endStream: boolean, kind: MessageKind): void {
    if (kind === "trailers") {
      this.#record.status = httpStatusOf(fields) ?? this.#record.status;
      return this.#complete(fields);
    }
    const status = Number(fieldValue(fields, ":status"));
    if (kind === "interim") return this.#downstream.interim(status, fields);
    const reason = fieldValue(fields, "x-heddle-reason");
    if (reason !== undefined && isEndReason(reason)) {
      if (this.#isRepeated(reason)) return;
      this.#record.endReason = reason;
    }
    this.#answer(status, fields, endStream);
    if (endStream) this.#complete([]);
  }

  onData(data: Buffer, endStream: boolean): void {
    this.#record.responseBytes += data.length;
    this.#movedMs = this.#context.deadlines.in(0);
    if (data.length > 0) this.#downstream.body(data);
    if (this.#downstream.isFull) this.#uncredited += data.length;
    else this.#credit(data.length);
    if (endStream) this.#complete([]);
  }

  onReset(code: number, byPeer: boolean): void {
    if (this.#isOver) return;
    this.#output = undefined;
    const isRefused = code === H2_ERROR.REFUSED_STREAM;
    const reason: EndReason =
      byPeer && code !== H2_ERROR.NO_ERROR ? "upstream-reset" : "upstream-connection-terminated";
    if (this.#hasAnswer) this.#cutOff(reason);
    else if (!this.#isRepeated(isRefused ? "draining" : reason)) this.#replyLocally(reason);
  }

  onWritable(): void {
    this.#output?.writable();
    this.#finishTunnel();
  }

  onDeadline(nowMs: number): void {
    this.deadlineMs = this.#dueMs();
    if (this.deadlineMs > nowMs) return;
    const reason: EndReason = this.#hasAnswer ? "stream-idle-timeout" : "request-timeout";
    this.#cancelStream();
    if (this.#hasAnswer) this.#cutOff(reason);
    else this.#replyLocally(reason);
  }

  /** Whether the request is sent again after such an end: what was sent of it is dropped then, and another endpoint asked. */
  #isRepeated(reason: EndReason): boolean {
    const { clock, limits } = this.#context;
    if (!mayRepeat(this.#asked.method, reason)) return false;
    const nowMs = clock.nowUs() / 1000;
    const isAllowed = !this.#hasAnswer && this.#attempts <= limits.retriesMax && this.#body.isKept;
    // An endpoint that cannot be reached looks idle, and would be given what the others are not.
    this.#candidate?.connectFailed(nowMs);
    if (!isAllowed || !this.#service.retries.withdraw(nowMs)) return false;
    this.#dropStream();
    this.#choose(nowMs * 1000);
    return true;
  }

  #choose(nowUs: number): void {
    const previous = this.#candidate;
    if (previous === undefined) this.#service.retries.deposit();
    else previous.inFlight--;
    const candidate = this.#service.select(nowUs / 1000, previous);
    this.#candidate = candidate;
    this.#attempts++;
    if (candidate === undefined) return this.#replyLocally("no-healthy-upstream");
    candidate.inFlight++;
    if (candidate !== previous) return this.#ask(candidate, nowUs);
    // There is no other: it is given a moment.
    const waitMs = BACKOFF_MS * 2 ** (this.#attempts - 1) * this.#context.random();
    this.#cancelWait = this.#context.timers.after(waitMs, () => this.#ask(candidate, this.#context.clock.nowUs()));
  }

  #ask({ endpoint }: Candidate<Target>, nowUs: number): void {
    if (this.#isOver) return;
    this.#record.edge = isTunnelRequest(this.#asked) ? endpoint.tcpEdge() : endpoint.edge;
    this.#record.chosenUs = nowUs;
    this.#isChoosing = true;
    endpoint.peer.request(this);
    this.#isChoosing = false;
  }

  #sendBodySoFar(output: StreamOutput): void {
    const isTaken = this.#body.sendTo(output);
    if (this.#isBodyEnded) output.end(this.#requestTrailers);
    else if (isTaken) this.#downstream.resumeBody();
  }

  #dropStream(): void {
    if (this.#output === undefined) return;
    const { link, stream } = this.#output;
    link.session.reset(stream, H2_ERROR.CANCEL);
    link.release(stream);
    this.#output = undefined;
  }

  #answer(status: number, fields: FieldList, isWhole: boolean): void {
    this.#hasAnswer = true;
    this.#record.firstByteUs = this.#context.clock.nowUs();
    this.#record.status = httpStatusOf(fields) ?? status;
    this.#body.forget();
    if (this.#record.endReason === "policy-denied") this.#noteDenial(fields);
    const isUpgrade = this.#asked.upgrade !== "";
    this.#isTunnel = isUpgrade ? hasSwitched(status, fields) : isTunnelRequest(this.#asked) && status === 200;
    this.#movedMs = this.#context.deadlines.in(0);
    this.deadlineMs = this.#dueMs();
    if (this.#isTunnel && isUpgrade) this.#record.status = 101;
    this.#downstream.head({ status, fields, isSwitch: this.#isTunnel, isWhole });
    if (isUpgrade && !this.#isTunnel) this.endBody([]);
  }

  #noteDenial(fields: FieldList): void {
    this.#record.verdict = "deny";
    this.#record.policy = fieldValue(fields, "x-heddle-policy") ?? "";
  }

  /** Until its answer it waits as long as its patience lasts, afterwards as long as a stream may be silent. */
  #dueMs(): number {
    if (!this.#hasAnswer) return this.#movedMs + this.#patienceMs;
    const { limits } = this.#context;
    return this.#movedMs + (this.#isTunnel ? limits.tunnelIdleTimeoutMs : limits.streamIdleTimeoutMs);
  }

  #credit(bytes: number): void {
    this.#output?.link.session.consumed(this.#output.stream, bytes);
  }

  /** The answer is whole. A tunnel lives on until the caller has ended its side too. */
  #complete(trailers: FieldList): void {
    this.#isAnswerEnded = true;
    this.#downstream.end(trailers);
    if (this.#isTunnel && !this.#isBodyEnded) return;
    if (this.#output?.isEnded === false) this.#cancelStream();
    this.#finish();
  }

  /** Both halves of a tunnel have ended and all has been sent. */
  #finishTunnel(): void {
    if (this.#isAnswerEnded && this.#output?.isEnded !== false) this.#finish();
  }

  #replyLocally(reason: EndReason): void {
    const reply = localReply(reason, { isGrpc: isGrpc(this.#asked.fields) });
    this.#record.status = reply.status;
    this.#record.endReason = reason;
    const status = Number(reply.fields[1]);
    this.#downstream.head({ status, fields: reply.fields, isSwitch: false, isWhole: reply.body === "" });
    if (reply.body !== "") this.#downstream.body(Buffer.from(reply.body));
    this.#downstream.end([]);
    this.#finish();
  }

  #cutOff(reason: EndReason): void {
    this.#record.endReason = reason;
    this.#downstream.abort();
    this.#finish();
  }

  #cancelStream(): void {
    this.#cancelWait?.();
    this.#candidate?.endpoint.peer.forget(this);
    if (this.#output === undefined) return;
    const code = this.#hasAnswer ? H2_ERROR.NO_ERROR : H2_ERROR.CANCEL;
    this.#output.link.session.reset(this.#output.stream, code);
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#leave();
    this.#record.doneUs = this.#context.clock.nowUs();
    this.#context.recorder.finish(this.#record);
    this.#downstream.finished(!this.#isBodyEnded);
  }

  #leave(): void {
    this.#isOver = true;
    // What its caller has not read is the connection's credit too, which outlives the stream.
    this.onDrained();
    this.#context.deadlines.remove(this);
    this.#output?.link.release(this.#output.stream);
    if (this.#candidate === undefined) return;
    this.#candidate.inFlight--;
    this.#candidate.endpoint.peer.released();
  }
}
