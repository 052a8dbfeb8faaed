/** An input read as a list of decisions: the bytes of a script, so that a minimised input is a shorter story. */
export class Script {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isOver(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** 0 after the end. */
  byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  /** From 0 to `below`, exclusive; at most 65,536. */
  int(below: number): number {
    return (below > 256 ? (this.byte() << 8) | this.byte() : this.byte()) % below;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.int(from.length)] as T;
  }

  /** The next bytes, as many as there are. */
  take(length: number): Buffer {
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }
}
