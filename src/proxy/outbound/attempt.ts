/** One try of a request at one endpoint: it waits for a connection, opens a stream on it, and tells its owner what comes back. */
import type { Candidate } from "#routing";
import type { EndReason } from "#telemetry";
import type { RequestRecord } from "#telemetry/record";
import type { FieldList } from "#wire/fields";
import { H2_ERROR, type MessageKind } from "#wire/http2";
import type { Link, LinkStream } from "../link.ts";
import { StreamOutput } from "../stream-output.ts";
import type { LinkWaiter } from "./peer.ts";
import { isUntouched } from "./repetition.ts";
import type { Target } from "./service.ts";

/** Whose request it is. After `leave` nothing more is heard. */
export interface AttemptOwner {
  /** The request's head as it is sent. */
  readonly fields: FieldList;
  /** Whether nothing follows the head. */
  readonly isHeadOnly: boolean;
  /** The head has been sent; the body may be. */
  onOpened(output: StreamOutput): void;
  /** All that was written has been taken. */
  resumeBody(): void;
  onHeaders(fields: FieldList, endStream: boolean, kind: MessageKind): void;
  /** Valid during the call; `credit` gives its bytes back to the sender. */
  onData(data: Buffer, endStream: boolean): void;
  /** It ended before its answer did. */
  onFailed(reason: EndReason): void;
  /** More of what is held has been sent. */
  onWritable(): void;
}

export class Attempt implements LinkStream, LinkWaiter {
  readonly candidate: Candidate<Target>;
  readonly #owner: AttemptOwner;
  #output: StreamOutput | undefined;
  #isStarted = false;
  #isOver = false;

  constructor(owner: AttemptOwner, candidate: Candidate<Target>) {
    this.#owner = owner;
    this.candidate = candidate;
  }

  get output(): StreamOutput | undefined {
    return this.#output;
  }

  start(): void {
    this.#isStarted = true;
    this.candidate.inFlight++;
    this.candidate.endpoint.peer.request(this);
  }

  onLink(link: Link): boolean {
    if (this.#isOver) return true;
    const owner = this.#owner;
    const isHeadOnly = owner.isHeadOnly;
    const stream = link.open(owner.fields, isHeadOnly, this);
    if (stream === 0) return false;
    this.candidate.connected();
    const output = new StreamOutput(link, stream, () => owner.resumeBody());
    if (isHeadOnly) output.markEnded();
    this.#output = output;
    owner.onOpened(output);
    return true;
  }

  onUnavailable(reason: EndReason): void {
    if (!this.#isOver) this.#owner.onFailed(reason);
  }

  onHeaders(fields: FieldList, endStream: boolean, kind: MessageKind): void {
    this.#owner.onHeaders(fields, endStream, kind);
  }

  onData(data: Buffer, endStream: boolean): void {
    this.#owner.onData(data, endStream);
  }

  onReset(code: number, byPeer: boolean): void {
    if (this.#isOver) return;
    this.#output = undefined;
    const isRefused = this.candidate.endpoint.peer.refused !== undefined;
    this.#owner.onFailed(isRefused ? "egress-denied" : reasonOfReset(code, byPeer));
  }

  onWritable(): void {
    this.#output?.writable();
    this.#owner.onWritable();
  }

  /** Its answer has begun, or for gRPC ended: how good it was is remembered of the endpoint. */
  answered({ firstByteUs, sentUs, status }: Pick<RequestRecord, "firstByteUs" | "sentUs" | "status">): void {
    this.candidate.answered(firstByteUs / 1000, status, (firstByteUs - sentUs) / 1000);
  }

  /** It got no answer. An endpoint that cannot be reached looks idle, and would be given what the others are not. */
  failed(reason: EndReason, nowMs: number): void {
    if (isUntouched(reason)) this.candidate.connectFailed(nowMs);
    else this.candidate.failed(nowMs);
  }

  /** Gives the sender credit for more of the answer. */
  credit(bytes: number): void {
    this.#output?.consumed(bytes);
  }

  /** It is over. A stream that has not ended both ways is reset with the code. */
  leave(code?: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // It may have waited for its turn still.
    if (!this.#isStarted) return;
    const { peer } = this.candidate.endpoint;
    const output = this.#output;
    if (output === undefined) peer.forget(this);
    else {
      if (code !== undefined) output.reset(code);
      output.release();
    }
    this.candidate.inFlight--;
    peer.released();
  }
}

function reasonOfReset(code: number, byPeer: boolean): EndReason {
  if (code === H2_ERROR.REFUSED_STREAM) return "draining";
  return byPeer && code !== H2_ERROR.NO_ERROR ? "upstream-reset" : "upstream-connection-terminated";
}
