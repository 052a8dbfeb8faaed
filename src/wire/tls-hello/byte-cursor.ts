/** Reads numbers and vectors (RFC 8446 §3.4) one after the other; past the end everything is undefined. */
export class ByteCursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** A number of one or two bytes. */
  uint(width: 1 | 2): number | undefined {
    const bytes = this.take(width);
    if (bytes === undefined) return undefined;
    return width === 1 ? bytes[0] : ((bytes[0] as number) << 8) | (bytes[1] as number);
  }

  take(length: number): Uint8Array | undefined {
    if (length > this.#bytes.length - this.#at) return undefined;
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** A vector behind its length, which has so many bytes; undefined too when it is shorter than it may be. */
  vector(width: 1 | 2, min: number): Uint8Array | undefined {
    const length = this.uint(width);
    return length === undefined || length < min ? undefined : this.take(length);
  }
}
