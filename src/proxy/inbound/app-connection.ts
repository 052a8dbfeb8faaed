/** One connection to the app behind the agent, in HTTP/1.1, for one request at a time. */
import type { SocketEvents, StreamSocket } from "#engine/sockets";
import type { FieldList } from "#wire/fields";
import {
  chunkLine,
  type Http1Fault,
  LAST_CHUNK,
  lastChunk,
  type ResponseHead,
  ResponseParser,
  type ResponseSink,
} from "#wire/http1";
import type { ProxyContext } from "../context.ts";
import { GatheredOutput } from "../gathered-output.ts";

/** The request that has the connection. */
export interface AppUser {
  onAppHead(head: ResponseHead): void;
  /** Valid during the call. Returns false when the app should pause until `resume`. */
  onAppBody(data: Uint8Array): boolean;
  onAppEnd(trailers: FieldList): void;
  /** No complete answer will come. `isUntouched`: not a byte of one did. */
  onAppFailed(fault: Http1Fault, isUntouched: boolean): void;
  /** All that was written has left. */
  onAppDrained(): void;
}

export class AppConnection implements SocketEvents {
  readonly #socket: StreamSocket;
  readonly #parser: ResponseParser;
  readonly #output: GatheredOutput;
  readonly #onIdle: (connection: AppConnection) => void;
  readonly #onClosed: (connection: AppConnection) => void;
  #user: AppUser | undefined;
  #keepsAlive = true;
  #isTunnel = false;
  #isClosed = false;
  #requests = 0;
  #trailers: FieldList = [];
  #isRequestWhole = false;
  #isAnswerWhole = false;
  /** Since when nobody uses it, milliseconds since the epoch. */
  idleSinceMs = 0;

  constructor(
    socket: StreamSocket,
    context: ProxyContext,
    life: {
      readonly onIdle: (connection: AppConnection) => void;
      readonly onClosed: (connection: AppConnection) => void;
    },
  ) {
    this.#socket = socket;
    this.#onIdle = life.onIdle;
    this.#onClosed = life.onClosed;
    this.#output = new GatheredOutput(socket, context.flusher, () => this.#user?.onAppDrained());
    this.#parser = new ResponseParser(this.#sink());
  }

  /** Whether it has carried a request before: the app may have been about to close it. */
  get isReused(): boolean {
    return this.#requests > 1;
  }

  get pending(): number {
    return this.#output.pending;
  }

  begin(user: AppUser, request: { readonly method: string; readonly head: string; readonly isWhole: boolean }): void {
    this.#user = user;
    this.#requests++;
    this.#isAnswerWhole = false;
    this.#isRequestWhole = request.isWhole;
    this.#trailers = [];
    this.#parser.expect(request.method);
    this.#output.text(request.head);
  }

  body(data: Uint8Array, isChunked: boolean): void {
    if (data.length === 0) return;
    if (isChunked) this.#output.text(chunkLine(data.length));
    this.#output.bytes(data);
    if (isChunked) this.#output.text("\r\n");
  }

  endBody(isChunked: boolean, trailers: FieldList): void {
    if (isChunked) this.#output.text(trailers.length === 0 ? LAST_CHUNK : lastChunk(trailers));
    this.#isRequestWhole = true;
    if (this.#isTunnel) this.#output.end();
    this.#settle();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** The user wants no more: an unfinished exchange leaves the connection unusable. A tunnel's last bytes are still sent. */
  abandon(): void {
    this.#user = undefined;
    if (!this.#isTunnel) return this.destroy();
    this.#output.flush();
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
    this.#output.drained();
  }

  onEnd(): void {
    this.#keepsAlive = false;
    if (this.#isTunnel) return this.#user?.onAppEnd([]);
    this.#parser.end();
    if (this.#parser.fault === undefined) this.destroy();
    else this.#fail(this.#parser.fault);
  }

  onClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClosed(this);
    const user = this.#user;
    this.#user = undefined;
    user?.onAppFailed("unexpected-end", this.#parser.isUntouched);
  }

  #sink(): ResponseSink {
    return {
      onHead: (head) => {
        this.#isTunnel = head.status === 101;
        this.#keepsAlive = head.keepAlive && !this.#isTunnel;
        this.#user?.onAppHead(head);
      },
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

  #pass(data: Uint8Array): void {
    if (this.#user?.onAppBody(data) === false) this.#socket.pause();
  }

  /** Once request and answer are whole the connection is free, or done with. */
  #settle(): void {
    if (!this.#isAnswerWhole) return;
    this.#user = undefined;
    if (this.#keepsAlive && this.#isRequestWhole && !this.#isClosed) this.#onIdle(this);
    else this.destroy();
  }

  #fail(fault: Http1Fault): void {
    const user = this.#user;
    const { isUntouched } = this.#parser;
    this.#user = undefined;
    this.destroy();
    user?.onAppFailed(fault, isUntouched && fault === "unexpected-end");
  }
}
