/** One connection of an app, or of a caller at an edge, in HTTP/1.1: requests one after the other, each an exchange. */
import type { SocketEvents, StreamSocket } from "#engine/sockets";
import type { EndReason } from "#telemetry";
import { type FieldList, fieldValue } from "#wire/fields";
import { chunkLine, lastChunk, type RequestHead, RequestParser, type RequestSink, statusOfFault } from "#wire/http1";
import type { Closable, ProxyContext } from "../context.ts";
import type { Expirable } from "../deadlines.ts";
import type { EdgeCaller } from "../fields.ts";
import { GatheredOutput } from "../gathered-output.ts";
import { interimToHttp1, ResponseTexts, responseToHttp1 } from "../http1-text.ts";
import { localReply, recordRefusal } from "../local-reply.ts";
import type { Answer, Downstream } from "./downstream.ts";
import type { Exchange, Upstream } from "./upstream.ts";

export interface DownstreamOptions {
  readonly context: ProxyContext;
  /** Where what it asks goes. */
  readonly upstream: Upstream;
  readonly socket: StreamSocket;
  /** At an edge the caller is outside the mesh, and what it says of itself is not believed; undefined inside. */
  readonly edge: EdgeCaller | undefined;
  readonly onClosed: (connection: Closable) => void;
}

type BodyForm = "none" | "counted" | "chunked" | "until-close";

export class Http1Downstream implements SocketEvents, Downstream, Closable, Expirable {
  deadlineMs: number;
  deadlineSlot = -1;
  readonly isHttp2 = false;
  readonly #options: DownstreamOptions;
  readonly #context: ProxyContext;
  readonly #socket: StreamSocket;
  readonly #parser: RequestParser;
  readonly #output: GatheredOutput;
  readonly #texts = new ResponseTexts();
  #exchange: Exchange | undefined;
  #head: RequestHead | undefined;
  #bodyForm: BodyForm = "none";
  #trailers: FieldList = [];
  /** Read but not parsed: the request after the present one, or bytes behind a pause. */
  #held: Buffer[] = [];
  #state: "open" | "closing" | "closed" = "open";
  #isTunnel = false;
  /** The next request waits until its caller has read more of the answers: what a pipeline asks for must not pile up here. */
  #awaitsRoom = false;

  constructor(options: DownstreamOptions) {
    this.#options = options;
    this.#context = options.context;
    this.#socket = options.socket;
    this.#parser = new RequestParser(this.#sink());
    this.#output = new GatheredOutput(options.socket, options.context.flusher, () => this.#drained());
    this.deadlineMs = options.context.deadlines.in(options.context.limits.headTimeoutMs);
    options.context.deadlines.add(this);
  }

  get edge(): EdgeCaller | undefined {
    return this.#options.edge;
  }

  get isFull(): boolean {
    return this.#output.pending > this.#context.limits.outputBytesHigh;
  }

  // From the socket.

  onData(bytes: Buffer): void {
    if (this.#isTunnel) this.#sendBody(bytes);
    else if (this.#state === "closing" && this.#exchange === undefined) return;
    else if (this.#held.length > 0) this.#held.push(Buffer.from(bytes));
    else this.#parse(bytes);
  }

  onDrain(): void {
    // The last answer is sent as long as its caller reads.
    if (this.#state === "closing" && this.#exchange === undefined) this.deadlineMs = this.#headDeadlineMs();
    this.#output.drained();
  }

  /** The end of a caller's bytes is its leaving, as other proxies take it too; in a tunnel it is half of a close. */
  onEnd(): void {
    if (this.#isTunnel) this.#exchange?.endBody([]);
    else this.destroy();
  }

  onClose(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#context.deadlines.remove(this);
    this.#exchange?.abandon();
    this.#options.onClosed(this);
  }

  onDeadline(): void {
    this.destroy();
  }

  #sink(): RequestSink {
    return {
      onHead: (head) => this.#begin(head),
      onBody: (data) => this.#sendBody(data),
      onTrailers: (fields) => {
        this.#trailers = fields;
      },
      onEnd: () => {
        const trailers = this.#trailers;
        this.#trailers = [];
        // After an upgrade the head is followed by the new protocol, whose end is the connection's.
        if (this.#head?.upgrade === "") this.#exchange?.endBody(trailers);
      },
    };
  }

  #begin(head: RequestHead): void {
    this.#head = head;
    this.deadlineMs = Number.POSITIVE_INFINITY;
    const { upstream } = this.#options;
    // A listener stands for one service: it is no proxy to anywhere (RFC 9110 §9.3.6).
    if (head.method === "CONNECT") return this.#refuse("route-not-found", 405);
    this.#exchange = upstream.exchange(this, head);
    this.#exchange.start();
  }

  // From the exchange.

  /** HTTP/1.0 knows none, and would take it for the answer (RFC 9110 §15.2). */
  interim(status: number, fields: FieldList): void {
    if (this.#head?.minor === 1) this.#output.text(interimToHttp1(status, fields));
  }

  head({ status, fields, isSwitch }: Answer): void {
    const head = this.#head as RequestHead;
    this.#isTunnel = isSwitch;
    this.#bodyForm = isSwitch ? "until-close" : bodyFormOf(head, status, fields);
    const closes = !isSwitch && (!head.keepAlive || this.#bodyForm === "until-close" || this.#context.isDraining);
    if (closes) this.#state = "closing";
    const isChunked = this.#bodyForm === "chunked";
    this.#output.text(this.#texts.textOf(fields, { status, isChunked, closes, upgrade: isSwitch ? head.upgrade : "" }));
    if (isSwitch) this.#readHeld();
  }

  body(data: Uint8Array): void {
    if (this.#bodyForm === "none") return;
    if (this.#bodyForm === "chunked") this.#output.text(chunkLine(data.length));
    this.#output.bytes(data);
    if (this.#bodyForm === "chunked") this.#output.text("\r\n");
  }

  end(trailers: FieldList): void {
    if (this.#bodyForm === "chunked") this.#output.text(lastChunk(trailers));
    if (!this.#isTunnel) return;
    this.#state = "closing";
    this.#output.end();
  }

  abort(): void {
    this.#output.flush();
    this.destroy();
  }

  resumeBody(): void {
    this.#readHeld();
  }

  finished(isRequestUnread: boolean): void {
    this.#exchange = undefined;
    if (this.#state === "closed") return;
    const { deadlines, limits } = this.#context;
    this.deadlineMs = deadlines.in(limits.idleTimeoutMs);
    if (isRequestUnread || this.#state === "closing") return this.#closeGently();
    if (this.isFull) this.#awaitsRoom = true;
    else this.#readNext();
  }

  // From the proxy.

  drain(): void {
    if (this.#exchange === undefined && this.#parser.isIdle) this.#closeGently();
  }

  destroy(): void {
    this.#socket.destroy();
    this.onClose();
  }

  #parse(bytes: Buffer): void {
    let rest = bytes;
    let taken = 0;
    do {
      taken = this.#parser.read(rest);
      if (this.#isReadingOver()) return;
      if (taken === rest.length) return;
      rest = rest.subarray(taken);
    } while (this.#exchange === undefined && !this.#awaitsRoom && taken > 0);
    this.#held.push(Buffer.from(rest));
    if (this.#isTunnel) this.#readHeld();
    else this.#socket.pause();
  }

  /** After each message that was read. Whether nothing more is read of what has come. */
  #isReadingOver(): boolean {
    if (this.#parser.fault !== undefined) {
      this.#refuse("downstream-protocol-error", statusOfFault(this.#parser.fault));
      return true;
    }
    if (this.#exchange !== undefined || this.#awaitsRoom) return false;
    if (this.#state === "closing") return true;
    this.deadlineMs = Math.min(this.deadlineMs, this.#headDeadlineMs());
    // What is answered here is answered before the request has been read to its end.
    if (this.#parser.isComplete) this.#parser.next();
    return false;
  }

  #headDeadlineMs(): number {
    return this.#context.deadlines.in(this.#context.limits.headTimeoutMs);
  }

  #sendBody(data: Uint8Array): void {
    if (this.#exchange?.sendBody(data) === false) this.#socket.pause();
  }

  #readNext(): void {
    this.#awaitsRoom = false;
    this.#parser.next();
    this.#readHeld();
  }

  #readHeld(): void {
    const held = this.#held;
    this.#held = [];
    this.#socket.resume();
    for (const bytes of held) this.onData(bytes);
  }

  #refuse(reason: EndReason, status: number): void {
    const reply = localReply(reason, { status });
    recordRefusal(this.#context, this.#options.upstream.refusalEdge, reply);
    this.#exchange?.abandon();
    this.#output.text(responseToHttp1(reply.fields, { status, isChunked: false, closes: true, upgrade: "" }));
    this.#output.text(reply.body);
    this.#closeGently();
  }

  /**
   * Sends what is pending and ends. What still comes is thrown away, but is taken for a while: a caller that sends all before it reads
   * would not come to the answer otherwise (RFC 9112 §9.6).
   */
  #closeGently(): void {
    this.#state = "closing";
    this.#held = [];
    this.#socket.resume();
    const { deadlines, limits } = this.#context;
    this.deadlineMs = deadlines.in(limits.headTimeoutMs);
    this.#output.end();
  }

  #drained(): void {
    this.#exchange?.onDrained();
    if (this.#awaitsRoom && !this.isFull) this.#readNext();
  }
}

/** How the answer's end is told to the caller (RFC 9112 §6.3). */
function bodyFormOf(head: RequestHead, status: number, fields: FieldList): BodyForm {
  if (head.method === "HEAD" || status === 204 || status === 304) return "none";
  if (fieldValue(fields, "content-length") !== undefined) return "counted";
  return head.minor === 1 ? "chunked" : "until-close";
}
