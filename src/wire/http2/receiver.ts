/** The receiving half of a session: frames to events, with every rule of RFC 9113 that a peer could break. */

import { type FieldList, fieldValue } from "#wire/fields";
import {
  ANSWER_GAIN,
  ANSWERED_RESETS,
  FloodGuard,
  IDLE_FRAMES_PER_SECOND,
  RESETS_PER_SECOND,
  SENT_DATA_GAIN,
  SETTINGS_MAX,
} from "./flood-guard.ts";
import { type Frame, FrameReader, type FrameVisitor } from "./frame-reader.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import { MessageCheck, type MessageKind } from "./message.ts";
import { faultOfData, isWhole, takesHead } from "./promise.ts";
import {
  DEFAULT_FRAME_BYTES,
  FLAG,
  FRAME,
  FRAME_BYTES_MAX,
  H2_ERROR,
  PREFACE,
  SETTING,
  WINDOW_MAX,
} from "./protocol.ts";
import type { Http2Session, Http2Sink } from "./session.ts";
import type { Http2Stream } from "./stream.ts";

/** A header block whose CONTINUATION frames are awaited: nothing else may come between (§6.10). */
interface OpenBlock {
  readonly stream: number;
  readonly endStream: boolean;
  readonly parts: Buffer[];
  bytes: number;
}

export class Receiver implements FrameVisitor {
  readonly #session: Http2Session;
  readonly #sink: Http2Sink;
  readonly #frames: FrameReader;
  readonly #decoder: HpackDecoder;
  readonly #flood: FloodGuard;
  readonly #resets: FloodGuard;
  readonly #check = new MessageCheck();
  #preface: Buffer | undefined;
  #hasSettings = false;
  #block: OpenBlock | undefined;
  #window: number;
  #namesLastStream = false;

  constructor(session: Http2Session, sink: Http2Sink, nowMs: () => number) {
    const { limits } = session;
    this.#session = session;
    this.#sink = sink;
    this.#frames = new FrameReader(this, DEFAULT_FRAME_BYTES);
    this.#decoder = new HpackDecoder({
      tableBytesMax: limits.headerTableBytes,
      listBytesMax: limits.headerListBytesMax,
      outlivesLargeLists: session.role === "client",
      repeats: session.role === "client",
    });
    this.#flood = new FloodGuard(limits.idleFrameCredit, { perSecond: IDLE_FRAMES_PER_SECOND, nowMs });
    this.#resets = new FloodGuard(limits.resetCredit, { perSecond: RESETS_PER_SECOND, nowMs });
    this.#preface = session.role === "server" ? Buffer.alloc(0) : undefined;
    this.#window = limits.connectionWindowBytes;
  }

  read(chunk: Buffer): void {
    const rest = this.#preface === undefined ? chunk : this.#readPreface(this.#preface, chunk);
    if (rest !== undefined && rest.length > 0) this.#frames.read(rest);
  }

  connectionCredited(bytes: number): void {
    this.#window += bytes;
  }

  /** A request of the peer's is answered: it was meant. */
  answered(): void {
    this.#flood.earn(ANSWER_GAIN);
    this.#resets.earn(ANSWERED_RESETS);
  }

  /** We have sent DATA, for which the peer may give credit. */
  sentData(): void {
    this.#flood.earn(SENT_DATA_GAIN);
  }

  /** Once the peer answers a ping sent now, it has read that we drain, and its last stream can be named. */
  announceLastStreamAfterPing(): void {
    this.#namesLastStream = true;
    this.#session.ping();
  }

  /** Names the last stream now, if that has been announced and not been done. */
  announceLastStream(): void {
    if (!this.#namesLastStream) return;
    this.#namesLastStream = false;
    this.#session.frames.goaway(this.#session.lastPeerStream, H2_ERROR.NO_ERROR);
  }

  onTooLong(): void {
    this.#fail(H2_ERROR.FRAME_SIZE_ERROR, "a frame is longer than allowed");
  }

  onFrame(frame: Frame): boolean {
    const { type, flags, id } = frame;
    if (!this.#hasSettings && (type !== FRAME.SETTINGS || (flags & FLAG.ACK) !== 0)) {
      this.#fail(H2_ERROR.PROTOCOL_ERROR, "the first frame is not SETTINGS");
    } else if (this.#block !== undefined && (type !== FRAME.CONTINUATION || id !== this.#block.stream)) {
      this.#fail(H2_ERROR.PROTOCOL_ERROR, "a header block was interrupted");
    } else this.#visit(frame);
    if (this.#session.outputBytes > this.#session.limits.outputBytesMax) {
      this.#fail(H2_ERROR.ENHANCE_YOUR_CALM, "the peer does not read our answers");
    }
    return this.#session.state !== "closed";
  }

  #visit(frame: Frame): void {
    switch (frame.type) {
      case FRAME.DATA:
        return this.#onData(frame);
      case FRAME.HEADERS:
        return this.#onHeaders(frame);
      case FRAME.RST_STREAM:
        return this.#onReset(frame);
      case FRAME.SETTINGS:
        return this.#onSettings(frame);
      case FRAME.PING:
        return this.#onPing(frame);
      case FRAME.GOAWAY:
        return this.#onGoaway(frame);
      case FRAME.WINDOW_UPDATE:
        return this.#onWindowUpdate(frame);
      case FRAME.CONTINUATION:
        return this.#onContinuation(frame);
      case FRAME.PUSH_PROMISE:
        return this.#fail(H2_ERROR.PROTOCOL_ERROR, "push was not allowed");
      case FRAME.PRIORITY:
        return this.#onPriority(frame);
      default:
        // Frames of unknown types are ignored (§4.1).
        this.#spend(1);
    }
  }

  #readPreface(held: Buffer, chunk: Buffer): Buffer | undefined {
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    const length = Math.min(bytes.length, PREFACE.length);
    if (!bytes.subarray(0, length).equals(PREFACE.subarray(0, length))) {
      this.#fail(H2_ERROR.PROTOCOL_ERROR, "the connection preface is missing");
      return undefined;
    }
    if (length < PREFACE.length) {
      this.#preface = Buffer.from(bytes);
      return undefined;
    }
    this.#preface = undefined;
    return bytes.subarray(PREFACE.length);
  }

  #onData(frame: Frame): void {
    const length = frame.end - frame.start;
    const stream = this.#session.stream(frame.id);
    this.#window -= length;
    if (this.#window < 0) return this.#fail(H2_ERROR.FLOW_CONTROL_ERROR, "the connection's window was overrun");
    if (frame.id === 0 || this.#session.isIdle(frame.id))
      return this.#fail(H2_ERROR.PROTOCOL_ERROR, "DATA on an idle stream");
    const padding = paddingOf(frame);
    if (padding < 0) return this.#fail(H2_ERROR.PROTOCOL_ERROR, "padding is longer than its frame");
    // A stream that we have reset may still receive what was on its way.
    if (stream === undefined) {
      if (length === 0) this.#spend(1);
      return this.#session.creditConnection(length);
    }
    this.#deliver(stream, frame, padding);
  }

  #deliver(stream: Http2Stream, frame: Frame, padding: number): void {
    const isPadded = (frame.flags & FLAG.PADDED) !== 0;
    const start = frame.start + (isPadded ? 1 : 0);
    const end = frame.end - padding;
    const data = frame.bytes.subarray(start, end);
    const endStream = (frame.flags & FLAG.END_STREAM) !== 0;
    stream.receiveWindow -= frame.end - frame.start;
    stream.received += data.length;
    const fault = faultOfData(stream, endStream);
    if (fault !== undefined) {
      this.#session.creditConnection(frame.end - frame.start);
      return this.#resetStream(stream, fault);
    }
    if (data.length > 0) this.#flood.earn(1);
    else if (!endStream && !this.#spend(1)) return;
    stream.unconsumed += frame.end - frame.start;
    if (isPadded) this.#session.consumed(stream.id, frame.end - frame.start - data.length);
    if (endStream) this.#endRemote(stream);
    this.#sink.onData(stream.id, data, endStream);
  }

  #onHeaders(frame: Frame): void {
    const padding = paddingOf(frame);
    const priority = (frame.flags & FLAG.PRIORITY) !== 0 ? 5 : 0;
    const start = frame.start + ((frame.flags & FLAG.PADDED) !== 0 ? 1 : 0) + priority;
    const end = frame.end - padding;
    if (frame.id === 0 || padding < 0 || start > end)
      return this.#fail(H2_ERROR.PROTOCOL_ERROR, "a HEADERS frame is malformed");
    const endStream = (frame.flags & FLAG.END_STREAM) !== 0;
    if ((frame.flags & FLAG.END_HEADERS) !== 0) {
      const fields = this.#decode(frame.bytes, start, end);
      if (fields !== undefined) this.#onList(frame.id, fields, endStream);
      return;
    }
    this.#block = {
      stream: frame.id,
      endStream,
      parts: [Buffer.from(frame.bytes.subarray(start, end))],
      bytes: end - start,
    };
  }

  #onContinuation(frame: Frame): void {
    const block = this.#block;
    if (block === undefined) return this.#fail(H2_ERROR.PROTOCOL_ERROR, "CONTINUATION without HEADERS");
    block.bytes += frame.end - frame.start;
    block.parts.push(Buffer.from(frame.bytes.subarray(frame.start, frame.end)));
    const { headerBlockBytesMax, continuationFramesMax } = this.#session.limits;
    if (block.bytes > headerBlockBytesMax || block.parts.length > continuationFramesMax + 1) {
      return this.#fail(H2_ERROR.ENHANCE_YOUR_CALM, "a header block goes on too long");
    }
    if ((frame.flags & FLAG.END_HEADERS) === 0) return;
    this.#block = undefined;
    const whole = Buffer.concat(block.parts);
    const fields = this.#decode(whole, 0, whole.length);
    if (fields !== undefined) this.#onList(block.stream, fields, block.endStream);
  }

  #decode(bytes: Buffer, start: number, end: number): FieldList | undefined {
    const fields = this.#decoder.decode(bytes, start, end);
    const { fault } = this.#decoder;
    if (fault === undefined) return fields;
    const code = fault === "list-too-large" ? H2_ERROR.ENHANCE_YOUR_CALM : H2_ERROR.COMPRESSION_ERROR;
    this.#fail(code, `header compression: ${fault}`);
    return undefined;
  }

  /** An answer whose head is too large ends its own stream, and none of those that share the connection (§10.5.1). */
  #onList(id: number, fields: FieldList, endStream: boolean): void {
    if (!this.#decoder.isTooLarge) return this.#onBlock(id, fields, endStream);
    const stream = this.#session.stream(id);
    if (stream === undefined) this.#spend(1);
    else this.#resetStream(stream, H2_ERROR.ENHANCE_YOUR_CALM);
  }

  #onBlock(id: number, fields: FieldList, endStream: boolean): void {
    const known = this.#session.stream(id);
    if (known !== undefined) return this.#onMessage(known, fields, endStream);
    if (!this.#session.isIdle(id)) {
      // Of a stream that we have reset the rest may still come, once.
      this.#spend(1);
      return;
    }
    if (this.#session.role === "client" || (id & 1) === 0) {
      return this.#fail(H2_ERROR.PROTOCOL_ERROR, "a stream has a number that its sender may not use");
    }
    const isRefused =
      this.#session.openStreams >= this.#session.limits.concurrentStreamsMax ||
      (this.#session.state === "draining" && !this.#namesLastStream);
    const stream = this.#session.acceptStream(id);
    if (isRefused) {
      if (this.#spendReset()) this.#session.reset(id, H2_ERROR.REFUSED_STREAM);
    } else this.#onMessage(stream, fields, endStream);
  }

  #onMessage(stream: Http2Stream, fields: FieldList, endStream: boolean): void {
    if (stream.isRemoteEnded) return this.#resetStream(stream, H2_ERROR.STREAM_CLOSED);
    const kind = this.#kindOf(stream, fields);
    const isGood = this.#check.faultOf(fields, kind) === undefined;
    const isAcceptable =
      isGood && (kind === "trailers" ? isWhole(stream, endStream) : takesHead(stream, { fields, endStream, kind }));
    if (!isAcceptable) return this.#resetStream(stream, H2_ERROR.PROTOCOL_ERROR);
    if (kind === "response") this.answered();
    // Any number of them may come before an answer, and each is passed on.
    else if (kind === "interim" && !this.#spend(1)) return;
    if (endStream) this.#endRemote(stream);
    this.#sink.onHeaders(stream.id, fields, endStream, kind);
  }

  #kindOf(stream: Http2Stream, fields: FieldList): MessageKind {
    if (stream.hasHead) return "trailers";
    if (this.#session.role === "server") return "request";
    return fieldValue(fields, ":status")?.startsWith("1") === true ? "interim" : "response";
  }

  /** What it says is ignored (§5.3.2), but not its form (§6.3). */
  #onPriority(frame: Frame): void {
    if (frame.id === 0) return this.#fail(H2_ERROR.PROTOCOL_ERROR, "PRIORITY without a stream");
    if (!this.#spend(1) || frame.end - frame.start === 5) return;
    const stream = this.#session.stream(frame.id);
    if (stream !== undefined) this.#resetStream(stream, H2_ERROR.FRAME_SIZE_ERROR);
  }

  #onReset(frame: Frame): void {
    if (frame.end - frame.start !== 4) return this.#fail(H2_ERROR.FRAME_SIZE_ERROR, "RST_STREAM has a wrong length");
    if (frame.id === 0 || this.#session.isIdle(frame.id))
      return this.#fail(H2_ERROR.PROTOCOL_ERROR, "RST_STREAM on an idle stream");
    const stream = this.#session.stream(frame.id);
    if (stream === undefined || stream.isLocal || stream.hasSentHead) {
      if (!this.#spend(1) || stream === undefined) return;
    } else if (!this.#spendReset()) return;
    this.#session.removeStream(stream);
    this.#sink.onReset(stream.id, frame.bytes.readUInt32BE(frame.start), true);
  }

  #onSettings(frame: Frame): void {
    const length = frame.end - frame.start;
    const isAck = (frame.flags & FLAG.ACK) !== 0;
    if (frame.id !== 0) return this.#fail(H2_ERROR.PROTOCOL_ERROR, "SETTINGS on a stream");
    if (length % 6 !== 0 || (isAck && length > 0))
      return this.#fail(H2_ERROR.FRAME_SIZE_ERROR, "SETTINGS has a wrong length");
    if (length > SETTINGS_MAX * 6) return this.#fail(H2_ERROR.ENHANCE_YOUR_CALM, "SETTINGS that go on too long");
    if (!this.#spend(1) || isAck) return;
    this.#hasSettings = true;
    for (let at = frame.start; at < frame.end; at += 6) {
      this.#onSetting(frame.bytes.readUInt16BE(at), frame.bytes.readUInt32BE(at + 2));
      if (this.#session.state === "closed") return;
    }
    this.#session.frames.settingsAck();
    this.#session.wakeBlocked();
    this.#sink.onSettings?.();
  }

  #onSetting(id: number, value: number): void {
    switch (id) {
      case SETTING.HEADER_TABLE_SIZE:
        return this.#session.setPeerLimits({ tableBytes: value });
      case SETTING.MAX_CONCURRENT_STREAMS:
        return this.#session.setPeerLimits({ streams: value });
      case SETTING.INITIAL_WINDOW_SIZE:
        if (value > WINDOW_MAX || !this.#session.setPeerWindow(value)) {
          this.#fail(H2_ERROR.FLOW_CONTROL_ERROR, "a window is too large");
        }
        return;
      case SETTING.MAX_FRAME_SIZE:
        if (value >= DEFAULT_FRAME_BYTES && value <= FRAME_BYTES_MAX)
          return this.#session.setPeerLimits({ frameBytes: value });
        return this.#fail(H2_ERROR.PROTOCOL_ERROR, "the frame size is out of range");
      case SETTING.ENABLE_PUSH:
        if (value > 1) this.#fail(H2_ERROR.PROTOCOL_ERROR, "a setting is out of range");
        return;
      case SETTING.ENABLE_CONNECT_PROTOCOL:
        if (value > 1) return this.#fail(H2_ERROR.PROTOCOL_ERROR, "a setting is out of range");
        return this.#session.setExtendedConnect(value === 1);
    }
  }

  #onPing(frame: Frame): void {
    if (frame.id !== 0) return this.#fail(H2_ERROR.PROTOCOL_ERROR, "PING on a stream");
    if (frame.end - frame.start !== 8) return this.#fail(H2_ERROR.FRAME_SIZE_ERROR, "PING has a wrong length");
    if ((frame.flags & FLAG.ACK) === 0) {
      if (this.#spend(1)) this.#session.frames.ping(FLAG.ACK, frame.bytes.subarray(frame.start, frame.end));
      return;
    }
    this.announceLastStream();
    if (this.#spend(1)) this.#sink.onPong();
  }

  #onGoaway(frame: Frame): void {
    if (frame.id !== 0 || frame.end - frame.start < 8)
      return this.#fail(H2_ERROR.PROTOCOL_ERROR, "GOAWAY is malformed");
    const lastStream = frame.bytes.readUInt32BE(frame.start) & WINDOW_MAX;
    const code = frame.bytes.readUInt32BE(frame.start + 4);
    this.#session.peerDrains();
    for (const stream of [...this.#session.streams]) {
      if (!stream.isLocal || stream.id <= lastStream) continue;
      this.#session.removeStream(stream);
      this.#sink.onReset(stream.id, H2_ERROR.REFUSED_STREAM, true);
    }
    this.#sink.onGoaway(lastStream, code);
  }

  #onWindowUpdate(frame: Frame): void {
    if (frame.end - frame.start !== 4) return this.#fail(H2_ERROR.FRAME_SIZE_ERROR, "WINDOW_UPDATE has a wrong length");
    const bytes = frame.bytes.readUInt32BE(frame.start) & WINDOW_MAX;
    if (frame.id === 0) return this.#onConnectionWindow(bytes);
    if (this.#session.isIdle(frame.id)) return this.#fail(H2_ERROR.PROTOCOL_ERROR, "WINDOW_UPDATE on an idle stream");
    const stream = this.#session.stream(frame.id);
    if (stream === undefined) {
      this.#spend(1);
      return;
    }
    if (bytes === 0) return this.#resetStream(stream, H2_ERROR.PROTOCOL_ERROR);
    if (stream.sendWindow + bytes > WINDOW_MAX) return this.#resetStream(stream, H2_ERROR.FLOW_CONTROL_ERROR);
    stream.sendWindow += bytes;
    if (stream.isBlocked && stream.sendWindow > 0) this.#session.wake(stream);
    else this.#spend(1);
  }

  #onConnectionWindow(bytes: number): void {
    if (bytes === 0) return this.#fail(H2_ERROR.PROTOCOL_ERROR, "a window update of nothing");
    if (!this.#session.growSendWindow(bytes)) return this.#fail(H2_ERROR.FLOW_CONTROL_ERROR, "a window is too large");
    if (this.#spend(1)) this.#session.wakeBlocked();
  }

  #endRemote(stream: Http2Stream): void {
    stream.isRemoteEnded = true;
    if (stream.isLocalEnded) this.#session.finishStream(stream);
  }

  #resetStream(stream: Http2Stream, code: number): void {
    const isRapid = !stream.isLocal && !stream.hasSentHead;
    if (!(isRapid ? this.#spendReset() : this.#spend(1))) return;
    this.#session.reset(stream.id, code);
    if (stream.hasHead || stream.isLocal) this.#sink.onReset(stream.id, code, false);
  }

  #spend(cost: number): boolean {
    if (this.#flood.spend(cost)) return true;
    this.#fail(H2_ERROR.ENHANCE_YOUR_CALM, "too many frames that bring nothing");
    return false;
  }

  #spendReset(): boolean {
    if (this.#resets.spend(1)) return true;
    this.#fail(H2_ERROR.ENHANCE_YOUR_CALM, "too many requests that are not waited for");
    return false;
  }

  #fail(code: number, reason: string): void {
    this.#session.close(code, reason);
  }
}

/** Bytes of padding at the frame's end, or -1 when there are more than the frame holds. */
function paddingOf({ flags, bytes, start, end }: Frame): number {
  if ((flags & FLAG.PADDED) === 0) return 0;
  if (start === end) return -1;
  const padding = bytes[start] as number;
  return padding < end - start ? padding : -1;
}
