/** One line of a child's output, without its line end. */
export interface Line {
  readonly text: string;
  readonly stream: "stdout" | "stderr";
}

/** A line longer than this is cut: a program that never ends its line must not fill our memory. */
const LINE_BYTES_MAX = 8192;
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Cuts a stream of bytes into lines. Holds at most 8 KiB; what a line has beyond that is dropped and marked with `…`. */
export class LineSplitter {
  readonly #emit: (text: string) => void;
  readonly #held = new Uint8Array(LINE_BYTES_MAX);
  readonly #decoder = new TextDecoder();
  #length = 0;
  #isCut = false;

  constructor(emit: (text: string) => void) {
    this.#emit = emit;
  }

  write(chunk: Uint8Array): void {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#hold(chunk.subarray(from, end));
      this.#finish();
      from = end + 1;
    }
    this.#hold(chunk.subarray(from));
  }

  /** Gives out a last line that had no line end. */
  end(): void {
    if (this.#length > 0) this.#finish();
  }

  #hold(part: Uint8Array): void {
    const room = LINE_BYTES_MAX - this.#length;
    this.#held.set(part.subarray(0, room), this.#length);
    this.#length += Math.min(room, part.length);
    if (part.length > room) this.#isCut = true;
  }

  #finish(): void {
    const hasReturn = !this.#isCut && this.#held[this.#length - 1] === CARRIAGE_RETURN;
    const bytes = this.#held.subarray(0, hasReturn ? this.#length - 1 : this.#length);
    const text = this.#decoder.decode(bytes);
    this.#emit(this.#isCut ? `${text}…` : text);
    this.#length = 0;
    this.#isCut = false;
  }
}
