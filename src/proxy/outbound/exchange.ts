/**
 * One request of an app, from its head to the last byte of its answer: find the rule it meets, try an endpoint, and carry both bodies
 * with back-pressure. What fails before its answer begins may be tried again elsewhere.
 */
import type { Candidate } from "#routing";
import { END_REASONS, type EndReason } from "#telemetry";
import { RequestRecord } from "#telemetry/record";
import { type FieldList, fieldValue } from "#wire/fields";
import { H2_ERROR, type MessageKind } from "#wire/http2";
import type { ProxyContext } from "../context.ts";
import type { Expirable } from "../deadlines.ts";
import type { Downstream } from "../downstream/downstream.ts";
import { type AskedRequest, hasSwitched, isTunnelRequest, passedTrailers } from "../fields.ts";
import { isGrpc, recordStatus } from "../grpc.ts";
import { type LocalReply, localReply, reasonIn, redirectReply } from "../local-reply.ts";
import type { StreamOutput } from "../stream-output.ts";
import { Claim } from "./claim.ts";
import { Mirrors } from "./mirrors.ts";
import { Plan } from "./plan.ts";
import { RepeatableBody } from "./repeatable-body.ts";
import type { Failed } from "./repetition.ts";
import type { Router } from "./router.ts";
import type { Target } from "./service.ts";
import { Tries, type TriesOwner } from "./tries.ts";

export class OutboundExchange implements TriesOwner, Expirable {
  deadlineMs = Number.POSITIVE_INFINITY;
  deadlineSlot = -1;
  fields: FieldList = [];
  readonly #context: ProxyContext;
  readonly #router: Router;
  readonly #downstream: Downstream;
  readonly #asked: AskedRequest;
  readonly #record = new RequestRecord();
  readonly #body: RepeatableBody;
  #plan: Plan | undefined;
  #mirrors: Mirrors | undefined;
  #tries: Tries | undefined;
  /** When it began, was answered, or a part of a body last passed; by the clock of the deadlines. */
  #movedMs = 0;
  #requestTrailers: FieldList = [];
  #isBodyEnded: boolean;
  #hasAnswer = false;
  #isAnswerEnded = false;
  #isTunnel = false;
  #isOver = false;
  #uncredited = 0;
  /** Its answer is gRPC's, whose status comes at its end. */
  #isOfGrpc = false;

  constructor(
    context: ProxyContext,
    router: Router,
    { downstream, request }: { readonly downstream: Downstream; readonly request: AskedRequest },
  ) {
    this.#context = context;
    this.#router = router;
    this.#body = new RepeatableBody(context.limits.repeatableBytesMax);
    this.#downstream = downstream;
    this.#asked = request;
    this.#isBodyEnded = !request.hasBody && request.upgrade === "" && !isTunnelRequest(request);
    const record = this.#record;
    record.receivedUs = context.clock.nowUs();
    record.edge = router.service.noEndpointEdge;
    record.method = request.method;
    record.path = request.target;
    record.authority = request.authority;
    context.traceIds.begin(record, request.fields, context.tables.settings.traceSampling);
  }

  start(): void {
    const { deadlines } = this.#context;
    this.#movedMs = deadlines.in(0);
    if (this.#context.overload.sheds(this.#context.random)) return this.#replyLocally("overload");
    const routed = this.#router.route(this.#asked, this.#downstream.edge?.scheme ?? "http");
    switch (routed.kind) {
      case "none":
        return this.#replyLocally(routed.reason);
      case "redirect":
        return this.#reply(redirectReply(routed.status, routed.location));
      case "forward":
    }
    const plan = new Plan(this.#context, routed, {
      request: this.#asked,
      record: this.#record,
      downstream: this.#downstream,
    });
    this.#plan = plan;
    this.fields = plan.fields;
    const { delay, abort } = plan.rule?.fault ?? {};
    if (isDrawn(abort, this.#context)) return this.#replyLocally("fault-injected", abort?.status);
    const claim = Claim.on(plan.service.circuit, isTunnelRequest(this.#asked) ? "connections" : "requests");
    if (claim === undefined) return this.#replyLocally("overflow");
    this.#mirror(plan);
    const tries = new Tries(this, { context: this.#context, plan, claim });
    this.#tries = tries;
    this.deadlineMs = this.#dueMs();
    deadlines.add(this);
    tries.begin(this.#record.receivedUs, isDrawn(delay, this.#context) ? (delay?.ms ?? 0) : 0);
  }

  /** Takes a part of the request's body, valid during the call. Returns false when the sender should pause until `resumeBody`. */
  sendBody(data: Uint8Array): boolean {
    if (this.#isOver) return true;
    this.#record.requestBytes += data.length;
    this.#movedMs = this.#context.deadlines.in(0);
    this.#mirrors?.sendBody(data);
    return this.#body.pass(data, this.#attempt?.output);
  }

  endBody(trailers: FieldList): void {
    if (this.#isBodyEnded) return;
    this.#isBodyEnded = true;
    this.#requestTrailers = passedTrailers(trailers);
    this.#mirrors?.endBody(this.#requestTrailers);
    this.#attempt?.output?.end(this.#requestTrailers);
    this.#finishTunnel();
  }

  /** The caller went away. */
  abandon(): void {
    if (this.#isOver) return;
    this.#record.endReason = "downstream-closed";
    this.#mirrors?.abandon();
    this.#cancelAttempt();
    this.#finish();
  }

  /** It was begun on a guess that was wrong: it ends, and nothing is recorded of it. */
  withdraw(): void {
    this.#cancelAttempt();
    this.#leave();
  }

  /** What the caller had not read has left. */
  onDrained(): void {
    if (this.#uncredited === 0) return;
    const bytes = this.#uncredited;
    this.#uncredited = 0;
    this.#attempt?.credit(bytes);
  }

  // From its tries.

  get method(): string {
    return this.#asked.method;
  }

  get #attempt() {
    return this.#tries?.current;
  }

  get isHeadOnly(): boolean {
    return this.#isBodyEnded && this.#body.isEmpty && this.#requestTrailers.length === 0;
  }

  onOpened(output: StreamOutput): void {
    const { chosenUs } = this.#record;
    this.#record.sentUs = this.#tries?.isStarting === true ? chosenUs : this.#context.clock.nowUs();
    if (output.isEnded) return;
    const isTaken = this.#body.sendTo(output);
    if (this.#isBodyEnded) output.end(this.#requestTrailers);
    else if (isTaken) this.resumeBody();
  }

  onChosen(candidate: Candidate<Target>, nowUs: number): void {
    this.#record.chosenUs = nowUs;
    this.onChanged(candidate);
    this.deadlineMs = this.#dueMs();
  }

  onChanged({ endpoint }: Candidate<Target>): void {
    this.#record.edge = isTunnelRequest(this.#asked) ? endpoint.tcpEdge() : endpoint.edge;
  }

  onNobody(): void {
    this.#replyLocally(this.#plan?.service.refused === undefined ? "no-healthy-upstream" : "egress-denied");
  }

  resumeBody(): void {
    this.#downstream.resumeBody();
  }

  onHeaders(fields: FieldList, endStream: boolean, kind: MessageKind): void {
    if (kind === "trailers") return this.#endAnswer(fields);
    const status = Number(fieldValue(fields, ":status"));
    if (kind === "interim") return this.#downstream.interim(status, fields);
    const reason = reasonIn(fields);
    if (reason !== undefined && END_REASONS[reason].blame === "upstream") this.#tries?.failed(reason);
    const isFine = reason === undefined && status < 400 && !endStream;
    if (!isFine && this.#isTriedAgain({ reason, status, fields: endStream ? fields : [] })) return;
    if (reason !== undefined) this.#record.endReason = reason;
    this.#answer(status, fields, endStream);
    if (endStream) this.#complete([]);
  }

  onData(data: Buffer, endStream: boolean): void {
    this.#record.responseBytes += data.length;
    this.#movedMs = this.#context.deadlines.in(0);
    if (data.length > 0) this.#downstream.body(data);
    if (this.#downstream.isFull) this.#uncredited += data.length;
    else this.#attempt?.credit(data.length);
    if (endStream) this.#complete([]);
  }

  onFailed(reason: EndReason): void {
    // The service's circuit is this agent's own: an endpoint that was not asked has done nothing.
    if (reason !== "overflow") this.#tries?.failed(reason);
    if (this.#hasAnswer) this.#cutOff(reason);
    else if (!this.#isTriedAgain({ reason, status: 0, fields: [] })) this.#replyLocally(reason);
  }

  /** Whether it is tried again: nothing may have come of it yet, and all of it that was sent must be here still. */
  #isTriedAgain(failed: Failed): boolean {
    return !this.#hasAnswer && this.#body.isKept && this.#tries?.again(failed) === true;
  }

  onWritable(): void {
    this.#finishTunnel();
  }

  onDeadline(nowMs: number): void {
    this.deadlineMs = this.#dueMs();
    if (this.deadlineMs > nowMs) return;
    const isWhole = this.#hasAnswer || this.#patienceEndMs() <= nowMs;
    const reason: EndReason = this.#hasAnswer ? "stream-idle-timeout" : "request-timeout";
    this.#tries?.failed(reason);
    if (!isWhole && this.#isTriedAgain({ reason, status: 0, fields: [] })) return;
    this.#cancelAttempt();
    if (this.#hasAnswer) this.#cutOff(reason);
    else this.#replyLocally(reason);
  }

  #mirror({ rule, patienceMs }: Plan): void {
    // A protocol that is switched to is a conversation: half of it says nothing to a mirror.
    if (rule === undefined || rule.mirrors.length === 0 || this.#asked.upgrade !== "") return;
    const request = { fields: this.fields, isHeadOnly: this.isHeadOnly, record: this.#record, patienceMs };
    this.#mirrors = new Mirrors(this.#context, this.#router.drawMirrors(rule), request);
  }

  #answer(status: number, answered: FieldList, isWhole: boolean): void {
    const fields = this.#plan?.answer(answered) ?? answered;
    this.#hasAnswer = true;
    this.#record.firstByteUs = this.#context.clock.nowUs();
    recordStatus(this.#record, fields, status);
    this.#body.forget();
    if (this.#record.endReason === "policy-denied") this.#noteDenial(fields);
    const isUpgrade = this.#asked.upgrade !== "";
    this.#isTunnel = isUpgrade ? hasSwitched(status, fields) : isTunnelRequest(this.#asked) && status === 200;
    this.#movedMs = this.#context.deadlines.in(0);
    this.deadlineMs = this.#dueMs();
    if (this.#isTunnel && isUpgrade) this.#record.status = 101;
    this.#isOfGrpc = !isWhole && isGrpc(answered);
    if (!this.#isOfGrpc && reasonIn(answered) === undefined) this.#attempt?.answered(this.#record);
    this.#downstream.head({ status, fields, isSwitch: this.#isTunnel, isWhole });
    if (isUpgrade && !this.#isTunnel) this.endBody([]);
  }

  #noteDenial(fields: FieldList): void {
    this.#record.verdict = "deny";
    this.#record.policy = fieldValue(fields, "x-heddle-policy") ?? "";
  }

  /** Until its answer it waits as long as its patience lasts, afterwards as long as a stream may be silent. */
  #dueMs(): number {
    if (!this.#hasAnswer) return Math.min(this.#patienceEndMs(), this.#tries?.dueMs ?? Number.POSITIVE_INFINITY);
    const { limits } = this.#context;
    return this.#movedMs + (this.#isTunnel ? limits.tunnelIdleTimeoutMs : limits.streamIdleTimeoutMs);
  }

  #patienceEndMs(): number {
    return this.#movedMs + (this.#plan?.patienceMs ?? 0);
  }

  /** gRPC says in its trailers how the call went. */
  #endAnswer(trailers: FieldList): void {
    recordStatus(this.#record, trailers, this.#record.status);
    if (this.#isOfGrpc) this.#attempt?.answered(this.#record);
    this.#complete(trailers);
  }

  /** The answer is whole. A tunnel lives on until the caller has ended its side too. */
  #complete(trailers: FieldList): void {
    this.#isAnswerEnded = true;
    this.#downstream.end(trailers);
    if (this.#isTunnel && !this.#isBodyEnded) return;
    if (this.#attempt?.output?.isEnded === false) this.#cancelAttempt();
    this.#finish();
  }

  /** Both halves of a tunnel have ended and all has been sent. */
  #finishTunnel(): void {
    if (this.#isAnswerEnded && this.#attempt?.output?.isEnded !== false) this.#finish();
  }

  #replyLocally(reason: EndReason, status?: number): void {
    this.#record.endReason = reason;
    const policy = reason === "egress-denied" ? this.#noteRefusal() : "";
    const isOfGrpc = this.#asked.upgrade === "" && isGrpc(this.#asked.fields);
    this.#reply(localReply(reason, { isGrpc: isOfGrpc, policy, ...(status !== undefined && { status }) }));
  }

  /** The policy that lets the workload not call there, as its caller may be told. */
  #noteRefusal(): string {
    const decision = this.#attempt?.candidate.endpoint.peer.refused ?? this.#plan?.service.refused;
    const record = this.#record;
    record.verdict = "deny";
    record.policy = decision?.label ?? "";
    record.rule = decision?.rule ?? -1;
    return this.#context.tables.settings.explainDenials ? record.policy : "";
  }

  #reply(reply: LocalReply): void {
    recordStatus(this.#record, reply.fields, reply.status);
    const status = Number(reply.fields[1]);
    this.#downstream.head({ status, fields: reply.fields, isSwitch: false, isWhole: reply.body === "" });
    if (reply.body !== "") this.#downstream.body(Buffer.from(reply.body));
    this.#downstream.end([]);
    this.#finish();
  }

  #cutOff(reason: EndReason): void {
    this.#record.endReason = reason;
    if (reason === "egress-denied") this.#noteRefusal();
    this.#conclude();
    // The caller's connection may end with it, which is not the caller's doing.
    this.#downstream.abort();
    this.#downstream.finished(!this.#isBodyEnded);
  }

  #cancelAttempt(): void {
    this.onDrained();
    this.#tries?.leave(this.#hasAnswer ? H2_ERROR.NO_ERROR : H2_ERROR.CANCEL);
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#conclude();
    this.#downstream.finished(!this.#isBodyEnded);
  }

  #conclude(): void {
    this.#leave();
    this.#record.doneUs = this.#context.clock.nowUs();
    this.#context.recorder.finish(this.#record);
  }

  #leave(): void {
    this.#isOver = true;
    // What its caller has not read is the connection's credit too, which outlives the stream.
    this.onDrained();
    this.#context.deadlines.remove(this);
    this.#tries?.leave();
  }
}

function isDrawn(fault: { readonly share: number } | undefined, { random }: ProxyContext): boolean {
  return fault !== undefined && random() < fault.share;
}
