/** Bytes to send, gathered until their owner takes them. Grows by doubling; how much may gather is the session's business. */

const INITIAL_BYTES = 16 * 1024;
/** A buffer that grew beyond this in a burst is given back. */
const KEPT_BYTES = 256 * 1024;

export class OutputBuffer {
  #bytes: Buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Where the next byte goes, for a later `patch`. Valid until bytes are consumed. */
  get position(): number {
    return this.#end;
  }

  writeByte(byte: number): void {
    if (this.#end === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#end++] = byte;
  }

  writeLatin1(text: string): void {
    if (this.#end + text.length > this.#bytes.length) this.#grow(text.length);
    this.#end += this.#bytes.write(text, this.#end, text.length, "latin1");
  }

  writeBytes(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  writeUint32(value: number): void {
    if (this.#end + 4 > this.#bytes.length) this.#grow(4);
    this.#bytes.writeUInt32BE(value, this.#end);
    this.#end += 4;
  }

  /** Frame header (RFC 9113 §4.1). */
  // biome-ignore lint/complexity/useMaxParams: the four parts of a frame header, on the hot path
  writeFrameHeader(length: number, type: number, flags: number, stream: number): void {
    if (this.#end + 9 > this.#bytes.length) this.#grow(9);
    const bytes = this.#bytes;
    let at = this.#end;
    bytes[at++] = length >>> 16;
    bytes[at++] = (length >>> 8) & 0xff;
    bytes[at++] = length & 0xff;
    bytes[at++] = type;
    bytes[at++] = flags;
    bytes[at++] = (stream >>> 24) & 0x7f;
    bytes[at++] = (stream >>> 16) & 0xff;
    bytes[at++] = (stream >>> 8) & 0xff;
    bytes[at++] = stream & 0xff;
    this.#end = at;
  }

  /** Writes the length of the frame whose header began at `header`, once its payload is known. */
  patchFrameLength(header: number, length: number): void {
    this.#bytes[header] = length >>> 16;
    this.#bytes[header + 1] = (length >>> 8) & 0xff;
    this.#bytes[header + 2] = length & 0xff;
  }

  /** A copy of the bytes that were written last. */
  copyOfLast(bytes: number): Buffer {
    return Buffer.from(this.#bytes.subarray(this.#end - bytes, this.#end));
  }

  /** A copy of the bytes from `start` on, which are taken back. */
  cut(start: number): Buffer {
    const bytes = Buffer.from(this.#bytes.subarray(start, this.#end));
    this.#end = start;
    return bytes;
  }

  /** What is pending, valid until the next write. */
  peek(): Buffer {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  consume(bytes: number): void {
    this.#start += bytes;
    if (this.#start < this.#end) return;
    this.#start = 0;
    this.#end = 0;
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  }

  #grow(room: number): void {
    const length = this.length;
    const target = length + room <= this.#bytes.length / 2 ? this.#bytes : this.#larger(length + room);
    this.#bytes.copy(target, 0, this.#start, this.#end);
    this.#bytes = target;
    this.#start = 0;
    this.#end = length;
  }

  #larger(needed: number): Buffer {
    let size = this.#bytes.length;
    while (size < needed) size *= 2;
    return Buffer.allocUnsafe(size * 2);
  }
}
