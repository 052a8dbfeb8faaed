/** Frames as they are sent (RFC 9113 §4, §6): one connection's output, and the compression of its header blocks. */
import type { FieldList } from "#wire/fields";
import { OutputBuffer } from "#wire/output";
import { HpackEncoder } from "./hpack/encoder.ts";
import type { Http2Limits } from "./limits.ts";
import { DEFAULT_FRAME_BYTES, FLAG, FRAME, FRAME_HEADER_BYTES, PREFACE, SETTING } from "./protocol.ts";

export class FrameWriter {
  readonly #output = new OutputBuffer();
  readonly #encoder: HpackEncoder;
  /** There is output where there was none. */
  readonly #onPending: () => void;
  #peerFrameBytes = DEFAULT_FRAME_BYTES;

  constructor(headerTableBytes: number, onPending: () => void) {
    this.#encoder = new HpackEncoder(headerTableBytes);
    this.#onPending = onPending;
  }

  /** Bytes that have not been taken. */
  get length(): number {
    return this.#output.length;
  }

  /** Valid until the next frame. */
  peek(): Buffer {
    return this.#output.peek();
  }

  taken(bytes: number): void {
    this.#output.consume(bytes);
  }

  /** What the peer takes. */
  limit({ frameBytes, tableBytes }: { readonly frameBytes?: number; readonly tableBytes?: number }): void {
    this.#peerFrameBytes = frameBytes ?? this.#peerFrameBytes;
    if (tableBytes !== undefined) this.#encoder.limitTable(tableBytes);
  }

  /** What a connection begins with (§3.4). */
  preface(role: "client" | "server", limits: Http2Limits): void {
    this.#announce();
    if (role === "client") this.#output.writeBytes(PREFACE);
    this.#settings(role, limits);
  }

  headers(stream: number, fields: FieldList, endStream: boolean): void {
    this.#announce();
    const header = this.#output.length;
    this.#output.writeFrameHeader(0, FRAME.HEADERS, FLAG.END_HEADERS | (endStream ? FLAG.END_STREAM : 0), stream);
    this.#encoder.encode(fields, this.#output);
    const length = this.#output.length - header - FRAME_HEADER_BYTES;
    if (length <= this.#peerFrameBytes)
      this.#output.patchFrameLength(this.#output.position - length - FRAME_HEADER_BYTES, length);
    else this.#splitHeaders(stream, length, endStream);
  }

  data(stream: number, data: Uint8Array, endStream: boolean): void {
    for (let at = 0; at < data.length || at === 0; at += this.#peerFrameBytes) {
      const part = data.length <= this.#peerFrameBytes ? data : data.subarray(at, at + this.#peerFrameBytes);
      const isLast = at + part.length === data.length;
      this.#start(part.length, FRAME.DATA, { flags: isLast && endStream ? FLAG.END_STREAM : 0, stream });
      this.#output.writeBytes(part);
    }
  }

  settingsAck(): void {
    this.#start(0, FRAME.SETTINGS, { flags: FLAG.ACK, stream: 0 });
  }

  ping(flags: number, payload: Uint8Array): void {
    this.#start(8, FRAME.PING, { flags, stream: 0 });
    this.#output.writeBytes(payload);
  }

  goaway(lastStream: number, code: number): void {
    this.#start(8, FRAME.GOAWAY, { flags: 0, stream: 0 });
    this.#output.writeUint32(lastStream);
    this.#output.writeUint32(code);
  }

  reset(stream: number, code: number): void {
    this.#start(4, FRAME.RST_STREAM, { flags: 0, stream });
    this.#output.writeUint32(code);
  }

  /** `stream` 0: of the connection. */
  windowUpdate(stream: number, bytes: number): void {
    this.#start(4, FRAME.WINDOW_UPDATE, { flags: 0, stream });
    this.#output.writeUint32(bytes);
  }

  /** A block longer than the peer's frames goes on in CONTINUATION frames (§6.10). */
  #splitHeaders(id: number, length: number, endStream: boolean): void {
    const block = this.#output.cut(this.#output.position - length - FRAME_HEADER_BYTES).subarray(FRAME_HEADER_BYTES);
    for (let at = 0; at < block.length; at += this.#peerFrameBytes) {
      const part = block.subarray(at, at + this.#peerFrameBytes);
      const end = at + part.length === block.length ? FLAG.END_HEADERS : 0;
      const type = at === 0 ? FRAME.HEADERS : FRAME.CONTINUATION;
      const flags = at === 0 && endStream ? end | FLAG.END_STREAM : end;
      this.#output.writeFrameHeader(part.length, type, flags, id);
      this.#output.writeBytes(part);
    }
  }

  #settings(role: "client" | "server", limits: Http2Limits): void {
    const settings: readonly (readonly [number, number])[] = [
      [SETTING.ENABLE_PUSH, 0],
      [SETTING.MAX_CONCURRENT_STREAMS, limits.concurrentStreamsMax],
      [SETTING.INITIAL_WINDOW_SIZE, limits.streamWindowBytes],
      [SETTING.MAX_HEADER_LIST_SIZE, limits.headerListBytesMax],
      [SETTING.HEADER_TABLE_SIZE, limits.headerTableBytes],
      [SETTING.ENABLE_CONNECT_PROTOCOL, 1],
    ];
    // A server that allows push, or a client that announces extended CONNECT, would be refused.
    const sent = settings.filter(
      ([id]) => id !== (role === "server" ? SETTING.ENABLE_PUSH : SETTING.ENABLE_CONNECT_PROTOCOL),
    );
    this.#start(sent.length * 6, FRAME.SETTINGS, { flags: 0, stream: 0 });
    for (const [id, value] of sent) {
      this.#output.writeByte(id >> 8);
      this.#output.writeByte(id & 0xff);
      this.#output.writeUint32(value);
    }
  }

  #start(length: number, type: number, to: { readonly flags: number; readonly stream: number }): void {
    this.#announce();
    this.#output.writeFrameHeader(length, type, to.flags, to.stream);
  }

  #announce(): void {
    if (this.#output.length === 0) this.#onPending();
  }
}
