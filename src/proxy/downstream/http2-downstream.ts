/** One connection of an app that speaks HTTP/2 with prior knowledge (RFC 9113 §3.3): each stream an exchange. */
import type { SocketEvents } from "#engine/sockets";
import { type FieldList, fieldValue } from "#wire/fields";
import { H2_ERROR, type MessageKind } from "#wire/http2";
import type { Closable } from "../context.ts";
import type { Expirable } from "../deadlines.ts";
import { type AskedRequest, type EdgeCaller, isTunnelRequest, responseToHttp2, withOneCookie } from "../fields.ts";
import { isGrpc } from "../grpc.ts";
import { LastBytes } from "../last-bytes.ts";
import { Link, type LinkStream } from "../link.ts";
import { localReply, recordRefusal } from "../local-reply.ts";
import { StreamOutput } from "../stream-output.ts";
import type { Answer, Downstream } from "./downstream.ts";
import type { DownstreamOptions } from "./http1-downstream.ts";
import type { Exchange } from "./upstream.ts";

export class Http2Downstream implements SocketEvents, Closable, Expirable {
  deadlineMs: number;
  deadlineSlot = -1;
  readonly #options: DownstreamOptions;
  readonly #link: Link;
  #openStreams = 0;

  constructor(options: DownstreamOptions) {
    const { context, socket, edge } = options;
    this.#options = options;
    this.#link = new Link(socket, {
      role: "server",
      to: edge === undefined ? "app" : "outside",
      context,
      onStream: (link, stream) => {
        this.#openStreams++;
        this.deadlineMs = Number.POSITIVE_INFINITY;
        return new Http2DownstreamStream(options, new StreamOutput(link, stream, () => undefined), () => this.#left());
      },
      onDraining: () => undefined,
      onClosed: () => {
        context.deadlines.remove(this);
        options.onClosed(this);
      },
    });
    this.deadlineMs = context.deadlines.in(context.limits.headTimeoutMs);
    context.deadlines.add(this);
  }

  onData(bytes: Buffer): void {
    this.#link.onData(bytes);
  }

  onDrain(): void {
    this.#link.onDrain();
  }

  onEnd(): void {
    this.#link.onEnd();
  }

  onClose(): void {
    this.#link.onClose();
  }

  /** An idle caller is asked to leave, and one that does not answer is cut off. */
  onDeadline(): void {
    const { deadlines, limits } = this.#options.context;
    if (this.#link.session.state !== "open") return this.#link.destroy();
    this.deadlineMs = deadlines.in(limits.headTimeoutMs);
    this.#link.drain();
  }

  drain(): void {
    this.#link.drain();
  }

  destroy(): void {
    this.#link.destroy();
  }

  #left(): void {
    this.#openStreams--;
    const { deadlines, limits } = this.#options.context;
    if (this.#openStreams === 0) this.deadlineMs = deadlines.in(limits.idleTimeoutMs);
  }
}

class Http2DownstreamStream implements LinkStream, Downstream {
  readonly isHttp2 = true;
  readonly #options: DownstreamOptions;
  readonly #output: StreamOutput;
  readonly #onLeft: () => void;
  /** Set once the exchange is over and some of its answer is here still. */
  #lastBytes: LastBytes | undefined;
  #exchange: Exchange | undefined;
  /** Request body that the exchange has taken but not passed on. */
  #uncredited = 0;
  #isWhole = false;
  #isAborted = false;
  #isRequestUnread = false;
  #hasLeft = false;

  constructor(options: DownstreamOptions, output: StreamOutput, onLeft: () => void) {
    this.#options = options;
    this.#output = output;
    this.#onLeft = onLeft;
  }

  get edge(): EdgeCaller | undefined {
    return this.#options.edge;
  }

  get isFull(): boolean {
    return this.#output.pending > 0;
  }

  // From the app.

  onHeaders(fields: FieldList, endStream: boolean, kind: MessageKind): void {
    if (kind === "trailers") return this.#exchange?.endBody(fields);
    const request = askedOf(fields, endStream);
    if (isTunnelRequest(request)) return this.#refuse(fields);
    this.#exchange = this.#options.upstream.exchange(this, request);
    this.#exchange.start();
  }

  onData(data: Buffer, endStream: boolean): void {
    if (this.#exchange?.sendBody(data) === false) this.#uncredited += data.length;
    else this.#output.consumed(data.length);
    if (endStream) this.#exchange?.endBody([]);
  }

  onReset(): void {
    this.#isAborted = true;
    if (this.#exchange === undefined) this.#leaveWhenSent();
    else this.#exchange.abandon();
  }

  onWritable(): void {
    this.#lastBytes?.moved();
    this.#output.writable();
    if (this.isFull) return;
    if (this.#exchange === undefined) this.#leaveWhenSent();
    else this.#exchange.onDrained();
  }

  // From the exchange.

  interim(status: number, fields: FieldList): void {
    this.#output.interim(responseToHttp2(status, fields));
  }

  head({ status, fields, isWhole }: Answer): void {
    this.#isWhole = isWhole;
    this.#output.head(responseToHttp2(status, fields), isWhole);
  }

  body(data: Uint8Array): void {
    this.#output.write(data);
  }

  end(trailers: FieldList): void {
    if (!this.#isWhole) this.#output.end(trailers);
  }

  abort(): void {
    this.#isAborted = true;
    this.#output.reset(H2_ERROR.INTERNAL_ERROR);
  }

  resumeBody(): void {
    const bytes = this.#uncredited;
    this.#uncredited = 0;
    if (bytes > 0) this.#output.consumed(bytes);
  }

  finished(isRequestUnread: boolean): void {
    this.#exchange = undefined;
    this.#isRequestUnread = isRequestUnread;
    this.#leaveWhenSent();
  }

  /** What the answer still holds is sent before the stream is let go, as long as its caller takes some now and then. */
  #leaveWhenSent(): void {
    const { link, stream, isEnded } = this.#output;
    if (this.#hasLeft) return;
    if (!isEnded && !this.#isAborted) return this.#awaitLastBytes();
    this.#hasLeft = true;
    this.#lastBytes?.stop();
    // What was not passed on is the connection's credit too, which outlives the stream.
    this.resumeBody();
    // An answer before the end of the request: the rest is not wanted (RFC 9113 §8.1).
    if (this.#isRequestUnread) link.session.reset(stream, H2_ERROR.NO_ERROR);
    link.release(stream);
    this.#onLeft();
  }

  #awaitLastBytes(): void {
    this.#lastBytes ??= new LastBytes(this.#options.context, () => {
      this.abort();
      this.#leaveWhenSent();
    });
    this.#lastBytes.start();
  }

  #refuse(fields: FieldList): void {
    const reply = localReply("route-not-found", { status: 405, isGrpc: isGrpc(fields) });
    recordRefusal(this.#options.context, this.#options.upstream.refusalEdge, reply);
    this.head({ status: reply.status, fields: reply.fields, isSwitch: false, isWhole: reply.body === "" });
    this.#output.write(Buffer.from(reply.body));
    this.#output.end([]);
    this.#isRequestUnread = true;
    this.#leaveWhenSent();
  }
}

/** A stream's head as what was asked. */
function askedOf(fields: FieldList, endStream: boolean): AskedRequest {
  const upgrade = fieldValue(fields, ":protocol") ?? "";
  return {
    method: upgrade === "" ? (fieldValue(fields, ":method") ?? "") : "GET",
    target: fieldValue(fields, ":path") ?? "",
    authority: fieldValue(fields, ":authority") ?? fieldValue(fields, "host") ?? "",
    fields: withOneCookie(fields),
    hasBody: !endStream && upgrade === "",
    upgrade,
  };
}
