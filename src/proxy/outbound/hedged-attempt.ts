/**
 * Two tries of one request: when the first has not been answered for a while, another endpoint is asked too, and the first good answer
 * that begins is taken (Dean and Barroso, "The tail at scale", 2013). For requests without a body whose repetition does no harm.
 */
import type { Cancel, Timers } from "#engine/time";
import type { Candidate } from "#routing";
import type { EndReason } from "#telemetry";
import type { RequestRecord } from "#telemetry/record";
import { type FieldList, fieldValue } from "#wire/fields";
import { H2_ERROR, type MessageKind } from "#wire/http2";
import type { StreamOutput } from "../stream-output.ts";
import { Attempt, type AttemptOwner } from "./attempt.ts";
import type { Target } from "./service.ts";

export interface HedgeOptions {
  readonly timers: Pick<Timers, "after">;
  readonly afterMs: number;
  /** Another endpoint than the one that is asked; undefined when there is none, or no budget for it. */
  readonly another: () => Candidate<Target> | undefined;
  /** Whose answer is taken. */
  readonly onWinner: (candidate: Candidate<Target>) => void;
  /** One of the two got no answer, or a bad one, while the other is under way: its endpoint is judged by it. */
  readonly onFailed: (attempt: Attempt, reason: EndReason) => void;
  readonly onBad: (attempt: Attempt, status: number, fields: FieldList) => void;
}

export class HedgedAttempt {
  readonly #owner: AttemptOwner;
  readonly #options: HedgeOptions;
  readonly #first: Side;
  #second: Side | undefined;
  /** The only one that is still heard: the other has failed, or has lost. */
  #left: Side | undefined;
  #cancelWait: Cancel | undefined;

  constructor(owner: AttemptOwner, candidate: Candidate<Target>, options: HedgeOptions) {
    this.#owner = owner;
    this.#options = options;
    this.#first = new Side(this, owner, candidate);
  }

  get candidate(): Candidate<Target> {
    return this.#heard.attempt.candidate;
  }

  get output(): StreamOutput | undefined {
    return this.#heard.attempt.output;
  }

  start(): void {
    const { timers, afterMs } = this.#options;
    this.#cancelWait = timers.after(afterMs, () => this.#hedge());
    this.#first.attempt.start();
  }

  answered(record: Pick<RequestRecord, "firstByteUs" | "sentUs" | "status">): void {
    this.#heard.attempt.answered(record);
  }

  failed(reason: EndReason, nowMs: number): void {
    this.#heard.attempt.failed(reason, nowMs);
  }

  credit(bytes: number): void {
    this.#heard.attempt.credit(bytes);
  }

  leave(code?: number): void {
    this.#cancelWait?.();
    for (const side of [this.#first, this.#second]) side?.attempt.leave(side === this.#left ? code : H2_ERROR.CANCEL);
    if (this.#left === undefined) this.#left = this.#first;
  }

  /** Whether a side's answer is taken: a bad one only when there is no other to wait for. */
  isTaken(side: Side, fields: FieldList): boolean {
    if (this.#left !== undefined) return this.#left === side;
    const status = Number(fieldValue(fields, ":status"));
    const other = side === this.#first ? this.#second : this.#first;
    if (status >= 500 && other !== undefined) {
      this.#options.onBad(side.attempt, status, fields);
      this.#drop(side, other);
      return false;
    }
    this.#cancelWait?.();
    this.#left = side;
    other?.attempt.leave(H2_ERROR.CANCEL);
    this.#options.onWinner(side.attempt.candidate);
    return true;
  }

  /** Whether a side's failure is the request's: not while the other is under way. */
  isEnd(side: Side, reason: EndReason): boolean {
    const other = side === this.#first ? this.#second : this.#first;
    if (this.#left === undefined && other !== undefined) {
      if (reason !== "overflow") this.#options.onFailed(side.attempt, reason);
      this.#drop(side, other);
      return false;
    }
    this.#cancelWait?.();
    this.#left = side;
    return true;
  }

  get #heard(): Side {
    return this.#left ?? this.#first;
  }

  #drop(side: Side, other: Side): void {
    side.attempt.leave(H2_ERROR.CANCEL);
    this.#left = other;
    this.#options.onWinner(other.attempt.candidate);
  }

  #hedge(): void {
    const candidate = this.#left === undefined ? this.#options.another() : undefined;
    if (candidate === undefined) return;
    this.#second = new Side(this, this.#owner, candidate);
    this.#second.attempt.start();
  }
}

/** One of the two, which tells the request's owner of itself only as long as it counts. */
class Side implements AttemptOwner {
  readonly attempt: Attempt;
  readonly isHeadOnly = true;
  readonly #hedge: HedgedAttempt;
  readonly #owner: AttemptOwner;

  constructor(hedge: HedgedAttempt, owner: AttemptOwner, candidate: Candidate<Target>) {
    this.#hedge = hedge;
    this.#owner = owner;
    this.attempt = new Attempt(this, candidate);
  }

  get fields(): FieldList {
    return this.#owner.fields;
  }

  onOpened(output: StreamOutput): void {
    this.#owner.onOpened(output);
  }

  resumeBody(): void {}

  onWritable(): void {}

  onHeaders(fields: FieldList, endStream: boolean, kind: MessageKind): void {
    if (kind !== "interim" && this.#hedge.isTaken(this, fields)) this.#owner.onHeaders(fields, endStream, kind);
  }

  onData(data: Buffer, endStream: boolean): void {
    this.#owner.onData(data, endStream);
  }

  onFailed(reason: EndReason): void {
    if (this.#hedge.isEnd(this, reason)) this.#owner.onFailed(reason);
  }
}
