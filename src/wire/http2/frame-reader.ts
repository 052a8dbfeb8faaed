/** Cuts a byte stream into frames (RFC 9113 §4.1), however it arrives. */
import { FRAME_HEADER_BYTES } from "./protocol.ts";

/** One whole frame; `bytes` between `start` and `end` is its payload. One object serves all frames of a connection. */
export class Frame {
  type = 0;
  flags = 0;
  id = 0;
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
}

export interface FrameVisitor {
  /** Valid during the call. Returns false to stop the reading. */
  onFrame(frame: Frame): boolean;
  onTooLong(): void;
}

export class FrameReader {
  readonly #visitor: FrameVisitor;
  readonly #payloadBytesMax: number;
  readonly #frame = new Frame();
  #held: Buffer | undefined;
  #heldLength = 0;

  constructor(visitor: FrameVisitor, payloadBytesMax: number) {
    this.#visitor = visitor;
    this.#payloadBytesMax = payloadBytesMax;
  }

  read(chunk: Buffer): void {
    let rest = chunk;
    if (this.#held !== undefined) {
      rest = this.#complete(this.#held, chunk);
      if (this.#held !== undefined) return;
    }
    let at = 0;
    while (rest.length - at >= FRAME_HEADER_BYTES) {
      const length = payloadLength(rest, at);
      if (length > this.#payloadBytesMax) return this.#visitor.onTooLong();
      if (rest.length - at - FRAME_HEADER_BYTES < length) break;
      if (!this.#visit(rest, at, length)) return;
      at += FRAME_HEADER_BYTES + length;
    }
    if (at < rest.length) this.#hold(rest, at);
  }

  #visit(bytes: Buffer, at: number, length: number): boolean {
    const frame = this.#frame;
    frame.type = bytes[at + 3] as number;
    frame.flags = bytes[at + 4] as number;
    frame.id = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    frame.bytes = bytes;
    frame.start = at + FRAME_HEADER_BYTES;
    frame.end = frame.start + length;
    return this.#visitor.onFrame(frame);
  }

  /** Keeps a frame's beginning in a buffer that has room for all of it, so that a long one is copied once. */
  #hold(bytes: Buffer, at: number): void {
    const length = bytes.length - at;
    const whole = length >= FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES + payloadLength(bytes, at) : FRAME_HEADER_BYTES;
    this.#held = Buffer.allocUnsafe(whole);
    bytes.copy(this.#held, 0, at);
    this.#heldLength = length;
  }

  /** Adds to the held frame and visits it when it is whole; returns what follows it. */
  #complete(held: Buffer, chunk: Buffer): Buffer {
    const taken = Math.min(chunk.length, held.length - this.#heldLength);
    chunk.copy(held, this.#heldLength, 0, taken);
    this.#heldLength += taken;
    if (this.#heldLength < held.length) return chunk;
    const rest = chunk.subarray(taken);
    const length = payloadLength(held, 0);
    if (length > this.#payloadBytesMax) {
      this.#visitor.onTooLong();
      return rest;
    }
    if (held.length < FRAME_HEADER_BYTES + length) {
      this.#hold(held, 0);
      return this.#complete(this.#held as Buffer, rest);
    }
    this.#held = undefined;
    return this.#visit(held, 0, length) ? rest : rest.subarray(rest.length);
  }
}

function payloadLength(bytes: Buffer, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}
