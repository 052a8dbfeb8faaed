/** Gathers the bytes of one head, however they are split, up to a bound. */
import type { Http1Fault } from "./fault.ts";

const CR = 0x0d;
const LF = 0x0a;

/** The lead that a head may have: robust receivers skip one empty line before a request (RFC 9112 §2.2). */
const EMPTY_LINE_BYTES = 2;

/** Longer heads are read anew each time, so that what a connection remembers is bounded. */
const REMEMBERED_BYTES_MAX = 1024;

const NOTHING = Buffer.alloc(0);

export class HeadReader {
  readonly #bytesMax: number;
  /** Its beginning holds what has come of a head that is not whole. */
  #held: Buffer = NOTHING;
  #heldBytes = 0;
  /** The head before this one, which senders often repeat to the letter, and its text. */
  #lastBytes = new Uint8Array(0);
  #lastText = "";
  /** Bytes of the last `read` that belonged to the head. */
  consumed = 0;
  fault: Http1Fault | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Whether part of a head has arrived. */
  get isPartial(): boolean {
    return this.#heldBytes > 0;
  }

  /** The whole head as latin1 with its final empty line, or undefined while it is incomplete or at fault. */
  read(chunk: Buffer): string | undefined {
    const before = this.#heldBytes;
    if (before === 0 && this.#isRepeated(chunk)) {
      this.consumed = this.#lastBytes.length;
      return this.#lastText;
    }
    const bytes = before === 0 ? chunk : this.#append(chunk);
    const start = skipEmptyLine(bytes);
    const end = bytes.indexOf("\r\n\r\n", Math.max(start, before - 3), "latin1");
    const length = (end < 0 ? bytes.length : end + 4) - start;
    if (length > this.#bytesMax) this.fault = "head-too-large";
    else if (end < 0) this.#hold(bytes, before);
    else {
      this.#held = NOTHING;
      this.#heldBytes = 0;
      this.consumed = end + 4 - before;
      const text = bytes.toString("latin1", start, end + 4);
      if (start === 0 && text.length <= REMEMBERED_BYTES_MAX) this.#remember(bytes, text);
      return text;
    }
    return undefined;
  }

  /** Whether the chunk begins with the head before it, whose last bytes are the only empty line in it. */
  #isRepeated(chunk: Buffer): boolean {
    const last = this.#lastBytes;
    if (last.length === 0 || chunk.length < last.length) return false;
    for (let at = 0; at < last.length; at++) if (chunk[at] !== last[at]) return false;
    return true;
  }

  #remember(bytes: Buffer, text: string): void {
    if (this.#lastBytes.length === text.length) this.#lastBytes.set(bytes.subarray(0, text.length));
    else this.#lastBytes = Uint8Array.from(bytes.subarray(0, text.length));
    this.#lastText = text;
  }

  /** Room grows by doubling, so that a head that comes byte by byte is not copied for each. */
  #append(chunk: Buffer): Buffer {
    const bytes = this.#heldBytes + chunk.length;
    if (bytes > this.#held.length) {
      const larger = Buffer.allocUnsafe(bytes * 2);
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    chunk.copy(this.#held, this.#heldBytes);
    return this.#held.subarray(0, bytes);
  }

  #hold(bytes: Buffer, before: number): void {
    // A line that ends in a bare LF would be waited on for ever, while a lenient parser behind us has read it.
    for (let at = bytes.indexOf(LF, before); at >= 0; at = bytes.indexOf(LF, at + 1)) {
      if (at === 0 || bytes[at - 1] !== CR) this.fault = "bare-line-feed";
    }
    if (before === 0) this.#append(bytes);
    this.#heldBytes = bytes.length;
    this.consumed = bytes.length - before;
  }
}

function skipEmptyLine(bytes: Buffer): number {
  return bytes.length >= EMPTY_LINE_BYTES && bytes[0] === CR && bytes[1] === LF ? EMPTY_LINE_BYTES : 0;
}
