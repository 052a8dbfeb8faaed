/**
 * One HTTP/2 connection without its socket (RFC 9113): bytes in, events to a sink, bytes out when the owner takes them.
 *
 * The owner reads what the socket brings with `read`, and sends what `pendingOutput` holds when it suits it, usually once at the end
 * of a loop turn. Flow control is end to end: what the owner has not `consumed` is not given back to the peer.
 */
import type { FieldList } from "#wire/fields";
import { fieldValue } from "#wire/fields";
import { FrameWriter } from "./frame-writer.ts";
import { DEFAULT_HTTP2_LIMITS, type Http2Limits } from "./limits.ts";
import type { MessageKind } from "./message.ts";
import { DEFAULT_WINDOW, H2_ERROR, STREAM_MAX, WINDOW_MAX } from "./protocol.ts";
import { Receiver } from "./receiver.ts";
import { Http2Stream } from "./stream.ts";
import { StreamTable } from "./stream-table.ts";

/** What a session tells its owner. Called during `read`, never later. */
export interface Http2Sink {
  /** There is output where there was none. */
  onOutputPending(): void;
  onHeaders(stream: number, fields: FieldList, endStream: boolean, kind: MessageKind): void;
  /** `data` is a view that is valid during the call. Its bytes must be `consumed` sooner or later, or the stream stalls. */
  onData(stream: number, data: Buffer, endStream: boolean): void;
  /** The stream ended early. REFUSED_STREAM from the peer means that it did nothing, and that the request may be sent again. */
  onReset(stream: number, code: number, byPeer: boolean): void;
  /** There is room again for a stream whose `sendData` took less than it was given. */
  onWritable(stream: number): void;
  /** The peer opens and accepts no more streams; those up to `lastStream` go on. */
  onGoaway(lastStream: number, code: number): void;
  onPong(): void;
  /** The peer has said what it takes: its limits hold from now on. Comes with each SETTINGS frame, first before any other event. */
  onSettings?(): void;
  /** The connection is broken or was: send what is pending, then close. No event follows. */
  onClose(code: number, reason: string): void;
}

export interface Http2SessionOptions {
  readonly role: "client" | "server";
  readonly sink: Http2Sink;
  readonly limits?: Partial<Http2Limits>;
  /** Any clock that goes forward; without one time restores no credit for frames that bring nothing. */
  readonly nowMs?: () => number;
}

export class Http2Session {
  readonly role: "client" | "server";
  readonly limits: Http2Limits;
  readonly #sink: Http2Sink;
  /** For the receiver, the other half of a session, too. */
  readonly frames: FrameWriter;
  readonly #receiver: Receiver;
  readonly #streams = new StreamTable<Http2Stream>();
  /** Ended streams whose last bytes their owner has not consumed yet. */
  readonly #lingering = new StreamTable<Http2Stream>();
  /** Those that wait for room, the longest first. */
  readonly #blocked: Http2Stream[] = [];
  #nextStream = 1;
  #lastPeerStream = 0;
  #sendWindow = DEFAULT_WINDOW;
  #uncredited = 0;
  #peerWindow = DEFAULT_WINDOW;
  #peerStreamsMax = 100;
  #hasPeerSettings = false;
  #state: "open" | "draining" | "closed" = "open";
  #allowsExtendedConnect = false;

  constructor(options: Http2SessionOptions) {
    this.role = options.role;
    this.limits = { ...DEFAULT_HTTP2_LIMITS, ...options.limits };
    this.#sink = options.sink;
    this.frames = new FrameWriter(this.limits.headerTableBytes, () => this.#sink.onOutputPending());
    this.#receiver = new Receiver(this, options.sink, options.nowMs ?? (() => 0));
    this.frames.preface(this.role, this.limits);
    const beyondDefault = this.limits.connectionWindowBytes - DEFAULT_WINDOW;
    if (beyondDefault > 0) this.frames.windowUpdate(0, beyondDefault);
  }

  get state(): "open" | "draining" | "closed" {
    return this.#state;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** Whether the peer takes extended CONNECT (RFC 8441 §3). */
  get allowsExtendedConnect(): boolean {
    return this.#allowsExtendedConnect;
  }

  /** Whether the peer has said how many streams it allows; until then there is room for fewer than there may be. */
  get hasPeerSettings(): boolean {
    return this.#hasPeerSettings;
  }

  /** Whether a new stream may be opened now. */
  get hasCapacity(): boolean {
    // Requests that pile up before a slow socket would be taken for answers that the peer does not read.
    const hasRoom = this.frames.length < this.limits.outputBytesMax / 2;
    return this.#state === "open" && this.#streams.size < this.#peerStreamsMax && hasRoom;
  }

  read(chunk: Buffer): void {
    if (this.#state !== "closed") this.#receiver.read(chunk);
  }

  /** Bytes to send, valid until the next call of the session. */
  pendingOutput(): Buffer {
    return this.frames.peek();
  }

  /** The socket has taken this many of them. */
  outputTaken(bytes: number): void {
    this.frames.taken(bytes);
    if (this.#blocked.length > 0 && this.frames.length < this.limits.outputBytesHigh / 2) this.wakeBlocked();
  }

  /** Opens a stream with a request; 0 when there is no capacity for it. With the last identifier the session begins to drain. */
  openStream(fields: FieldList, endStream: boolean): number {
    if (!this.hasCapacity) return 0;
    const id = this.#nextStream;
    this.#nextStream += 2;
    const stream = this.#addStream(id, true);
    stream.isHeadRequest = fieldValue(fields, ":method") === "HEAD";
    this.#sendHeaders(stream, fields, endStream);
    if (this.#nextStream > this.limits.streamIdMax) this.drain();
    return id;
  }

  /** Sends a response head, an interim head or trailers. Nothing happens when the stream has ended. */
  sendHeaders(id: number, fields: FieldList, endStream: boolean): void {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.isLocalEnded) return;
    // An interim head costs its sender nothing either: it is no answer.
    if (!stream.hasSentHead && fieldValue(fields, ":status")?.startsWith("1") !== true) {
      this.#receiver.answered();
      stream.hasSentHead = true;
    }
    this.#sendHeaders(stream, fields, endStream);
  }

  /**
   * Sends as much of `data` as windows and output have room for and returns how much that was; `endStream` takes effect once all is
   * taken. When less was taken, `onWritable` follows.
   */
  sendData(id: number, data: Uint8Array, endStream: boolean): number {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.isLocalEnded) return data.length;
    const taken = Math.max(0, Math.min(data.length, stream.sendWindow, this.#sendWindow, this.#outputRoom()));
    const isWhole = taken === data.length;
    if (taken > 0 || (isWhole && endStream))
      this.#sendData(stream, isWhole ? data : data.subarray(0, taken), isWhole && endStream);
    if (isWhole) this.#unblock(stream);
    else if (!stream.isBlocked) {
      stream.isBlocked = true;
      this.#blocked.push(stream);
    }
    return taken;
  }

  /** The owner is done with this many bytes of the stream: the peer may send as many more. */
  consumed(id: number, bytes: number): void {
    const stream = this.#streams.get(id) ?? this.#lingering.get(id);
    // What a reset stream had received was given back when it was reset.
    if (stream === undefined) return;
    this.creditConnection(bytes);
    stream.unconsumed -= bytes;
    if (stream.isRemoteEnded) {
      if (stream.unconsumed === 0) this.#lingering.delete(id);
      return;
    }
    stream.uncredited += bytes;
    if (stream.uncredited < this.limits.streamWindowBytes / 2) return;
    this.frames.windowUpdate(id, stream.uncredited);
    stream.receiveWindow += stream.uncredited;
    stream.uncredited = 0;
  }

  /** Ends the stream early. No event follows for it. */
  reset(id: number, code: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.frames.reset(id, code);
    this.removeStream(stream);
  }

  ping(): void {
    this.frames.ping(0, PING_PAYLOAD);
  }

  /**
   * Ends gently: opens no more streams and tells the peer to open none; those that exist go on. A server first announces without a
   * last stream and, once the peer has read that, names the last (RFC 9113 §6.8), so that no request is cut off. Asked again it does
   * not wait for the peer to have read: a peer could put that off and go on opening streams.
   */
  drain(): void {
    if (this.#state === "draining") this.#receiver.announceLastStream();
    if (this.#state !== "open") return;
    this.#state = "draining";
    this.frames.goaway(this.role === "server" ? STREAM_MAX : 0, H2_ERROR.NO_ERROR);
    if (this.role === "server") this.#receiver.announceLastStreamAfterPing();
  }

  /** Ends at once: every stream is reset for the owner, and the peer is told why. any → closed. */
  close(code: number, reason: string): void {
    if (this.#state === "closed") return;
    this.frames.goaway(this.#lastPeerStream, code);
    this.#state = "closed";
    for (const stream of this.#streams.values()) {
      this.removeStream(stream);
      this.#sink.onReset(stream.id, code, false);
    }
    this.#sink.onClose(code, reason);
  }

  // What follows is for the receiver, the other half of a session.

  stream(id: number): Http2Stream | undefined {
    return this.#streams.get(id);
  }

  get streams(): Iterable<Http2Stream> {
    return this.#streams.values();
  }

  get lastPeerStream(): number {
    return this.#lastPeerStream;
  }

  get outputBytes(): number {
    return this.frames.length;
  }

  isIdle(id: number): boolean {
    const isLocal = (id & 1) === (this.role === "client" ? 1 : 0);
    return isLocal ? id >= this.#nextStream : id > this.#lastPeerStream;
  }

  acceptStream(id: number): Http2Stream {
    this.#lastPeerStream = id;
    return this.#addStream(id, false);
  }

  /** Both sides have ended the stream. */
  finishStream(stream: Http2Stream): void {
    this.#streams.delete(stream.id);
    this.#unblock(stream);
    if (stream.unconsumed > 0) this.#lingering.set(stream.id, stream);
  }

  /** The stream was cut off: what its owner will not consume any more is given back to the connection. */
  removeStream(stream: Http2Stream): void {
    this.#streams.delete(stream.id);
    this.#unblock(stream);
    this.creditConnection(stream.unconsumed);
  }

  creditConnection(bytes: number): void {
    this.#uncredited += bytes;
    if (this.#uncredited < this.limits.connectionWindowBytes / 4) return;
    this.frames.windowUpdate(0, this.#uncredited);
    this.#receiver.connectionCredited(this.#uncredited);
    this.#uncredited = 0;
  }

  /** The peer's window for the whole connection has grown. Returns false beyond what a window may be. */
  growSendWindow(bytes: number): boolean {
    this.#sendWindow += bytes;
    return this.#sendWindow <= WINDOW_MAX;
  }

  /** The peer's setting for all streams; streams that exist are adjusted (§6.9.2). Returns false on overflow. */
  setPeerWindow(bytes: number): boolean {
    const change = bytes - this.#peerWindow;
    this.#peerWindow = bytes;
    let isValid = true;
    for (const stream of this.#streams.values()) {
      stream.sendWindow += change;
      isValid &&= stream.sendWindow <= WINDOW_MAX;
    }
    return isValid;
  }

  setPeerLimits(limits: {
    readonly frameBytes?: number;
    readonly streams?: number;
    readonly tableBytes?: number;
  }): void {
    this.frames.limit(limits);
    this.#hasPeerSettings = true;
    this.#peerStreamsMax = limits.streams ?? this.#peerStreamsMax;
  }

  setExtendedConnect(allows: boolean): void {
    this.#allowsExtendedConnect = allows;
  }

  peerDrains(): void {
    if (this.#state === "open") this.#state = "draining";
  }

  /** Streams that wait for room are asked again, the one that has waited longest first. */
  wakeBlocked(): void {
    for (const stream of [...this.#blocked]) {
      if (this.#sendWindow <= 0 || this.#outputRoom() <= 0) return;
      if (stream.sendWindow > 0) this.wake(stream);
    }
  }

  wake(stream: Http2Stream): void {
    if (this.#unblock(stream)) this.#sink.onWritable(stream.id);
  }

  #unblock(stream: Http2Stream): boolean {
    if (!stream.isBlocked) return false;
    stream.isBlocked = false;
    this.#blocked.splice(this.#blocked.indexOf(stream), 1);
    return true;
  }

  #addStream(id: number, isLocal: boolean): Http2Stream {
    const windows = { send: this.#peerWindow, receive: this.limits.streamWindowBytes };
    const stream = new Http2Stream(id, isLocal, windows);
    this.#streams.set(id, stream);
    return stream;
  }

  #outputRoom(): number {
    return this.limits.outputBytesHigh - this.frames.length;
  }

  #sendHeaders(stream: Http2Stream, fields: FieldList, endStream: boolean): void {
    this.frames.headers(stream.id, fields, endStream);
    if (endStream) this.#endLocal(stream);
  }

  #sendData(stream: Http2Stream, data: Uint8Array, endStream: boolean): void {
    if (data.length > 0) this.#receiver.sentData();
    stream.sendWindow -= data.length;
    this.#sendWindow -= data.length;
    this.frames.data(stream.id, data, endStream);
    if (endStream) this.#endLocal(stream);
  }

  #endLocal(stream: Http2Stream): void {
    stream.isLocalEnded = true;
    if (stream.isRemoteEnded) this.finishStream(stream);
  }
}

const PING_PAYLOAD = Buffer.from("heddle\0\0", "latin1");
