/** Copies of a request that go to other services too: what they answer is not waited for and not passed on (Gateway API, RequestMirror). */
import type { EndReason } from "#telemetry";
import { RequestRecord } from "#telemetry/record";
import { type FieldList, fieldValue } from "#wire/fields";
import { H2_ERROR, type MessageKind } from "#wire/http2";
import type { ProxyContext } from "../context.ts";
import type { Expirable } from "../deadlines.ts";
import { recordStatus } from "../grpc.ts";
import type { StreamOutput } from "../stream-output.ts";
import { Attempt, type AttemptOwner } from "./attempt.ts";
import { Claim } from "./claim.ts";
import { RepeatableBody } from "./repeatable-body.ts";
import type { OutboundService } from "./service.ts";

/** The request that is copied. */
export interface Mirrored {
  readonly fields: FieldList;
  readonly isHeadOnly: boolean;
  readonly record: RequestRecord;
  readonly patienceMs: number;
}

export class Mirrors {
  readonly #copies: readonly MirroredRequest[];

  constructor(context: ProxyContext, services: readonly OutboundService[], request: Mirrored) {
    this.#copies = services.map((service) => new MirroredRequest(context, service, request));
    for (const copy of this.#copies) copy.start();
  }

  sendBody(data: Uint8Array): void {
    for (const copy of this.#copies) copy.sendBody(data);
  }

  endBody(trailers: FieldList): void {
    for (const copy of this.#copies) copy.endBody(trailers);
  }

  /** The caller left in the middle of its request. */
  abandon(): void {
    for (const copy of this.#copies) copy.abandon();
  }
}

class MirroredRequest implements AttemptOwner, Expirable {
  deadlineMs: number;
  deadlineSlot = -1;
  readonly fields: FieldList;
  readonly #context: ProxyContext;
  readonly #service: OutboundService;
  readonly #record = new RequestRecord();
  readonly #body: RepeatableBody;
  #isBodyEnded: boolean;
  #trailers: FieldList = [];
  #attempt: Attempt | undefined;
  #claim: Claim | undefined;
  #isOver = false;

  constructor(context: ProxyContext, service: OutboundService, { fields, isHeadOnly, record, patienceMs }: Mirrored) {
    this.#context = context;
    this.#service = service;
    this.fields = fields;
    this.#isBodyEnded = isHeadOnly;
    this.#body = new RepeatableBody(context.limits.repeatableBytesMax);
    this.#record.receivedUs = record.receivedUs;
    this.#record.method = record.method;
    this.#record.path = record.path;
    this.#record.authority = record.authority;
    this.#record.edge = service.noEndpointEdge;
    this.deadlineMs = context.deadlines.in(patienceMs);
    context.deadlines.add(this);
  }

  get isHeadOnly(): boolean {
    return this.#isBodyEnded && this.#body.isEmpty && this.#trailers.length === 0;
  }

  start(): void {
    const nowUs = this.#context.clock.nowUs();
    this.#claim = Claim.on(this.#service.circuit, "requests");
    if (this.#claim === undefined) return this.onFailed("overflow");
    const candidate = this.#service.select(nowUs / 1000);
    if (candidate === undefined)
      return this.onFailed(this.#service.refused === undefined ? "no-healthy-upstream" : "egress-denied");
    this.#record.edge = candidate.endpoint.edge;
    this.#record.chosenUs = nowUs;
    this.#attempt = new Attempt(this, candidate);
    this.#attempt.start();
  }

  /** A copy that cannot keep pace with what is copied is given up: the caller does not wait for it. */
  sendBody(data: Uint8Array): void {
    if (this.#isOver) return;
    const output = this.#attempt?.output;
    const isTaken = this.#body.pass(data, output);
    const isBehind =
      output === undefined ? !this.#body.isKept || this.#body.length > BODY_MAX : output.pending > BODY_MAX;
    if (!isTaken && isBehind) this.onFailed("overflow");
  }

  endBody(trailers: FieldList): void {
    this.#isBodyEnded = true;
    this.#trailers = trailers;
    this.#attempt?.output?.end(trailers);
  }

  abandon(): void {
    if (!this.#isBodyEnded) this.onFailed("downstream-closed");
  }

  onOpened(output: StreamOutput): void {
    this.#record.sentUs = this.#context.clock.nowUs();
    if (output.isEnded) return;
    this.#body.sendTo(output);
    // A copy is not sent twice.
    this.#body.forget();
    if (this.#isBodyEnded) output.end(this.#trailers);
  }

  resumeBody(): void {}

  onWritable(): void {}

  onHeaders(fields: FieldList, endStream: boolean, kind: MessageKind): void {
    if (kind === "interim") return;
    recordStatus(this.#record, fields, this.#record.status || Number(fieldValue(fields, ":status")));
    if (this.#record.firstByteUs === 0) this.#record.firstByteUs = this.#context.clock.nowUs();
    if (endStream) this.#finish("completed");
  }

  onData(data: Buffer, endStream: boolean): void {
    this.#record.responseBytes += data.length;
    this.#attempt?.credit(data.length);
    if (endStream) this.#finish("completed");
  }

  onFailed(reason: EndReason): void {
    this.#finish(reason);
  }

  onDeadline(): void {
    this.#finish("request-timeout");
  }

  #finish(reason: EndReason): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#attempt?.leave(reason === "completed" && this.#isBodyEnded ? undefined : H2_ERROR.CANCEL);
    this.#claim?.release();
    this.#context.deadlines.remove(this);
    this.#record.endReason = reason;
    this.#record.doneUs = this.#context.clock.nowUs();
    this.#context.recorder.finish(this.#record);
  }
}

/** What a copy may lag behind. */
const BODY_MAX = 256 * 1024;
