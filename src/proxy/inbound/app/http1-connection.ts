/** One connection to an app that speaks HTTP/1.1, for one request at a time. */
import type { SocketEvents, StreamSocket } from "#engine/sockets";
import { type FieldList, fieldValue } from "#wire/fields";
import {
  chunkLine,
  type Http1Fault,
  LAST_CHUNK,
  lastChunk,
  type ResponseHead,
  ResponseMemory,
  ResponseParser,
  type ResponseSink,
} from "#wire/http1";
import type { ProxyContext } from "../../context.ts";
import { type AppRequest, MeshAnswers } from "../../fields.ts";
import { GatheredOutput } from "../../gathered-output.ts";
import { LastBytes } from "../../last-bytes.ts";
import { ACCEPT, acceptFor, KEY, makeKey, withoutField } from "../../websocket.ts";
import type { AppAnswer, AppLane, AppUser } from "./lane.ts";

/** What an app answered last, on any of its connections. */
export class AnswerMemory {
  readonly heads = new ResponseMemory();
  readonly mesh = new MeshAnswers();
}

export class Http1Connection implements SocketEvents, AppLane {
  readonly #socket: StreamSocket;
  readonly #parser: ResponseParser;
  readonly #output: GatheredOutput;
  readonly #context: ProxyContext;
  readonly #answers: MeshAnswers;
  readonly #onIdle: (connection: Http1Connection) => void;
  readonly #onClosed: (connection: Http1Connection) => void;
  #user: AppUser | undefined;
  #keepsAlive = true;
  #isTunnel = false;
  readonly #lastBytes: LastBytes;
  /** Of a tunnel: the app has ended its half. */
  #isAppDone = false;
  #isClosed = false;
  #requests = 0;
  #trailers: FieldList = [];
  #isRequestWhole = false;
  #isChunked = false;
  /** Protocol that the request asks to switch to, or "". */
  #upgrade = "";
  /** Key of a WebSocket that its caller, in HTTP/2, had no need of; or "". */
  #madeKey = "";
  #isAnswerWhole = false;
  /** Since when nobody uses it, milliseconds since the epoch. */
  idleSinceMs = 0;

  constructor(
    socket: StreamSocket,
    context: ProxyContext,
    pool: {
      readonly answers: AnswerMemory;
      readonly onIdle: (connection: Http1Connection) => void;
      readonly onClosed: (connection: Http1Connection) => void;
    },
  ) {
    this.#socket = socket;
    this.#context = context;
    this.#answers = pool.answers.mesh;
    this.#onIdle = pool.onIdle;
    this.#onClosed = pool.onClosed;
    this.#output = new GatheredOutput(socket, context.flusher, () => this.#user?.onAppDrained());
    this.#lastBytes = new LastBytes(context, () => this.destroy());
    this.#parser = new ResponseParser(this.#sink(), pool.answers.heads);
  }

  get pending(): number {
    return this.#output.pending;
  }

  begin(user: AppUser, request: AppRequest): void {
    this.#user = user;
    this.#requests++;
    this.#isAnswerWhole = false;
    this.#isRequestWhole = !request.hasBody;
    this.#isChunked = request.hasBody && fieldValue(request.fields, "content-length") === undefined;
    this.#upgrade = request.upgrade;
    this.#trailers = [];
    this.#parser.expect(request.method);
    this.#output.text(request.texts.textOf(this.#withKey(request), this.#isChunked));
  }

  body(data: Uint8Array): void {
    if (data.length === 0) return;
    if (this.#isChunked) this.#output.text(chunkLine(data.length));
    this.#output.bytes(data);
    if (this.#isChunked) this.#output.text("\r\n");
  }

  endBody(trailers: FieldList): void {
    if (this.#isRequestWhole) return;
    if (this.#isChunked) this.#output.text(trailers.length === 0 ? LAST_CHUNK : lastChunk(trailers));
    this.#isRequestWhole = true;
    if (this.#isTunnel) this.#output.end();
    this.#settle();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** The user wants no more: an unfinished exchange leaves the connection unusable. A tunnel's last bytes are still sent. */
  abandon(): void {
    this.#user = undefined;
    if (!this.#isTunnel) return this.destroy();
    this.#output.flush();
    if (this.#isAppDone && this.#isRequestWhole && this.#output.pending > 0) return this.#lastBytes.start();
    this.#socket.close();
    this.onClose();
  }

  destroy(): void {
    this.#socket.destroy();
    this.onClose();
  }

  onData(bytes: Buffer): void {
    if (this.#user === undefined) return this.destroy();
    if (this.#isTunnel) return this.#pass(bytes);
    const taken = this.#parser.read(bytes);
    if (this.#parser.fault !== undefined) return this.#fail(this.#parser.fault);
    if (taken === bytes.length) return;
    if (this.#isTunnel) this.#pass(bytes.subarray(taken));
    // Bytes that no request asked for: the next answer could not be told from them.
    else this.destroy();
  }

  onDrain(): void {
    this.#lastBytes.moved();
    this.#output.drained();
  }

  onEnd(): void {
    this.#keepsAlive = false;
    this.#isAppDone = true;
    if (this.#isTunnel) return this.#user?.onAppEnd([]);
    this.#parser.end();
    if (this.#parser.fault === undefined) this.destroy();
    else this.#fail(this.#parser.fault);
  }

  onClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#lastBytes.stop();
    this.#onClosed(this);
    const user = this.#user;
    this.#user = undefined;
    user?.onAppFailed("upstream-connection-terminated", this.#isStale());
  }

  #withKey(request: AppRequest): AppRequest {
    const needsKey = request.upgrade === "websocket" && fieldValue(request.fields, KEY) === undefined;
    this.#madeKey = needsKey ? makeKey(this.#context.random) : "";
    return needsKey ? { ...request, fields: [...request.fields, KEY, this.#madeKey] } : request;
  }

  #sink(): ResponseSink {
    return {
      onHead: (head) => this.#answer(head),
      onBody: (data) => this.#pass(data),
      onTrailers: (fields) => {
        this.#trailers = fields;
      },
      onEnd: () => {
        if (this.#isTunnel) return;
        this.#isAnswerWhole = true;
        const user = this.#user;
        this.#settle();
        user?.onAppEnd(this.#trailers);
      },
    };
  }

  #answer(head: ResponseHead): void {
    const { status } = head;
    this.#isTunnel = status === 101;
    if (this.#isTunnel && !this.#maySwitch(head)) return this.#fail("bad-start-line");
    this.#keepsAlive = head.keepAlive && !this.#isTunnel;
    if (this.#isTunnel) this.#isRequestWhole = false;
    const isInterim = status < 200 && !this.#isTunnel;
    const answer: AppAnswer = {
      status,
      fields: this.#toMesh(status, head.fields, !isInterim && !this.#isTunnel && this.#upgrade !== ""),
      kind: isInterim ? "interim" : this.#isTunnel ? "switched" : "final",
      isWhole: !isInterim && head.framing.kind === "none" && !this.#isTunnel,
    };
    const user = this.#user;
    if (answer.isWhole) this.#user = undefined;
    user?.onAppHead(answer);
  }

  /** To a key that was made here the answer is read here. */
  #maySwitch({ fields }: ResponseHead): boolean {
    if (this.#upgrade === "") return false;
    return this.#madeKey === "" || fieldValue(fields, ACCEPT)?.trim() === acceptFor(this.#madeKey);
  }

  #toMesh(status: number, fields: FieldList, isDeclined: boolean): FieldList {
    const answer = this.#answers.fieldsOf(status, fields, isDeclined);
    return this.#madeKey === "" ? answer : withoutField(answer, ACCEPT);
  }

  #pass(data: Uint8Array): void {
    if (this.#user?.onAppBody(data) === false) this.#socket.pause();
  }

  /** Once request and answer are whole the connection is free, or done with. */
  #settle(): void {
    if (!this.#isAnswerWhole) return;
    this.#user = undefined;
    if (!this.#keepsAlive || !this.#isRequestWhole || this.#isClosed) return this.destroy();
    // The last of the answer may have paused it, and its user, who would resume it, has left.
    this.#socket.resume();
    this.#onIdle(this);
  }

  #fail(fault: Http1Fault): void {
    const user = this.#user;
    const isStale = this.#isStale() && fault === "unexpected-end";
    this.#user = undefined;
    this.destroy();
    user?.onAppFailed(
      fault === "unexpected-end" ? "upstream-connection-terminated" : "upstream-protocol-error",
      isStale,
    );
  }

  /** The app closed a kept connection just as it was used again: nothing was asked of it. */
  #isStale(): boolean {
    return this.#requests > 1 && this.#parser.isUntouched;
  }
}
