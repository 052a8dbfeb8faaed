/** One connection between two agents: an HTTP/2 session on a socket, its streams given to whom they belong. */
import type { SocketEvents, StreamSocket } from "#engine/sockets";
import type { FieldList } from "#wire/fields";
import {
  DEFAULT_HTTP2_LIMITS,
  H2_ERROR,
  Http2Session,
  type Http2Sink,
  type MessageKind,
  StreamTable,
} from "#wire/http2";
import type { ProxyContext } from "./context.ts";
import { LastBytes } from "./last-bytes.ts";
import type { Flushable } from "./turn-flusher.ts";

/** The owner of one stream. */
export interface LinkStream {
  onHeaders(fields: FieldList, endStream: boolean, kind: MessageKind): void;
  /** `data` is valid during the call; `link.consumed` gives its bytes back to the sender. */
  onData(data: Buffer, endStream: boolean): void;
  onReset(code: number, byPeer: boolean): void;
  onWritable(): void;
}

export interface LinkOptions {
  readonly role: "client" | "server";
  /** Whom it leads to. */
  readonly to: "agent" | "app" | "outside";
  readonly context: ProxyContext;
  /** The peer opened a stream; undefined resets it. Never called for a client. */
  readonly onStream: (link: Link, stream: number) => LinkStream | undefined;
  /** The peer has said what it takes. */
  readonly onSettings?: (link: Link) => void;
  /** The peer or its certificate lets no more streams be opened here. */
  readonly onDraining: (link: Link) => void;
  readonly onClosed: (link: Link) => void;
}

/**
 * Answers that their callers do not read must not hold up those of others on the same connection: it has room for all streams that may
 * be open at once, with their windows full. A quarter is given back late.
 */
const ANSWERS_WINDOW_BYTES = Math.ceil(
  (DEFAULT_HTTP2_LIMITS.concurrentStreamsMax * DEFAULT_HTTP2_LIMITS.streamWindowBytes * 4) / 3,
);

/**
 * A head that an agent took from its own side must not be too large for the other agent, or it would end the connection that it shares
 * with everybody else's requests: room for the largest in HTTP/1.1, counted as HTTP/2 counts it, with what agents add.
 */
const MESH_HEAD_BYTES = 2 * DEFAULT_HTTP2_LIMITS.headerListBytesMax;

/** The head of an app's answer may be too large for us: up to here it is read to its end, so that it costs its own stream alone. */
const APP_BLOCK = { headerBlockBytesMax: 4 * DEFAULT_HTTP2_LIMITS.headerBlockBytesMax, continuationFramesMax: 16 };

export class Link implements SocketEvents, Flushable {
  readonly session: Http2Session;
  readonly #options: LinkOptions;
  readonly #socket: StreamSocket;
  readonly #owners = new StreamTable<LinkStream>();
  /** When something last came, by the clock of the deadlines. */
  readMs: number;
  #isScheduled = false;
  #isFull = false;
  /** Set once it has ended gently: what is pending is sent still. */
  #lastBytes: LastBytes | undefined;
  #isClosed = false;

  constructor(socket: StreamSocket, options: LinkOptions) {
    this.#socket = socket;
    this.#options = options;
    const nowMs = (): number => options.context.deadlines.nowMs;
    this.readMs = nowMs();
    this.session = new Http2Session({
      role: options.role,
      sink: this.#sink(),
      nowMs,
      limits: {
        ...(options.role === "client" && {
          connectionWindowBytes: ANSWERS_WINDOW_BYTES,
          streamIdMax: options.context.limits.requestsPerConnectionMax * 2 - 1,
        }),
        ...(options.to === "agent" && { headerListBytesMax: MESH_HEAD_BYTES, headerBlockBytesMax: MESH_HEAD_BYTES }),
        ...(options.to === "app" && APP_BLOCK),
        ...(options.to === "outside" && { concurrentStreamsMax: options.context.limits.edgeStreamsMax }),
      },
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get openStreams(): number {
    return this.#owners.size;
  }

  /** Whether no stream is open and all has been sent. */
  get isIdle(): boolean {
    return this.#owners.size === 0 && this.session.outputBytes === 0;
  }

  /** Opens a stream; 0 when there is no capacity. */
  open(fields: FieldList, endStream: boolean, owner: LinkStream): number {
    const id = this.session.openStream(fields, endStream);
    if (id === 0) return 0;
    this.#owners.set(id, owner);
    // It was the last that there is an identifier for.
    if (this.session.state !== "open") this.#options.onDraining(this);
    return id;
  }

  /** The owner needs to hear no more of its stream. */
  release(stream: number): void {
    this.#owners.delete(stream);
    if (this.session.state === "draining" && this.#owners.size === 0) this.#end();
  }

  /** Opens and takes no more streams; closes when the last has ended. */
  drain(): void {
    this.session.drain();
    if (this.#owners.size === 0 && this.#options.role === "client") this.#end();
  }

  destroy(): void {
    this.session.close(H2_ERROR.NO_ERROR, "stopped");
    this.#leave();
  }

  flush(): void {
    this.#isScheduled = false;
    if (this.#isFull || this.#isClosed) return;
    while (this.session.outputBytes > 0) {
      const bytes = this.session.pendingOutput();
      const taken = this.#socket.write(bytes);
      const isPartial = taken < bytes.length;
      this.#isFull = isPartial;
      this.session.outputTaken(taken);
      if (isPartial) return;
    }
    if (this.#lastBytes !== undefined && this.session.state === "closed") this.#leave();
  }

  onData(bytes: Buffer): void {
    this.readMs = this.#options.context.deadlines.nowMs;
    this.session.read(bytes);
  }

  onDrain(): void {
    this.#isFull = false;
    this.#lastBytes?.moved();
    this.flush();
  }

  onEnd(): void {
    this.session.close(H2_ERROR.NO_ERROR, "the peer ended the connection");
  }

  onClose(): void {
    if (this.#isClosed) return;
    this.session.close(H2_ERROR.NO_ERROR, "the connection broke");
    this.#leave();
  }

  #sink(): Http2Sink {
    return {
      onOutputPending: () => this.#schedule(),
      // biome-ignore lint/complexity/useMaxParams: the session's own form
      onHeaders: (stream, fields, endStream, kind) => {
        const owner = this.#owners.get(stream) ?? this.#accept(stream);
        owner?.onHeaders(fields, endStream, kind);
      },
      onData: (stream, data, endStream) => {
        const owner = this.#owners.get(stream);
        if (owner === undefined) this.session.consumed(stream, data.length);
        else owner.onData(data, endStream);
      },
      onReset: (stream, code, byPeer) => {
        const owner = this.#owners.get(stream);
        this.#owners.delete(stream);
        owner?.onReset(code, byPeer);
      },
      onWritable: (stream) => this.#owners.get(stream)?.onWritable(),
      onGoaway: () => {
        this.#options.onDraining(this);
        if (this.#owners.size === 0) this.#end();
      },
      onPong: () => {
        if (this.session.state === "draining" && this.#owners.size === 0) this.#end();
      },
      onSettings: () => this.#options.onSettings?.(this),
      onClose: () => {
        this.flush();
        if (this.#lastBytes === undefined) this.#leave();
      },
    };
  }

  #accept(stream: number): LinkStream | undefined {
    const owner = this.#options.onStream(this, stream);
    if (owner === undefined) this.session.reset(stream, H2_ERROR.REFUSED_STREAM);
    else this.#owners.set(stream, owner);
    return owner;
  }

  /** Nothing is under way any more, but the last answer may be still on its way out. */
  #end(): void {
    if (this.#lastBytes !== undefined || this.#isClosed) return;
    this.#lastBytes = new LastBytes(this.#options.context, () => this.#leave());
    this.#lastBytes.start();
    this.session.close(H2_ERROR.NO_ERROR, "drained");
  }

  #leave(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#lastBytes?.stop();
    this.#socket.close();
    this.#options.onClosed(this);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isFull) return;
    this.#isScheduled = true;
    this.#options.context.flusher.schedule(this);
  }
}
