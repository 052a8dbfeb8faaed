/**
 * Bytes that wait, in the order in which they came. However small the parts are in which they come, they are kept in few: each byte that
 * is sent in a frame of its own would cost a hundred otherwise, and the bounds on waiting bytes be worth little.
 */

/** A block that later parts are gathered in has this room at the most. */
const BLOCK_BYTES = 16 * 1024;

interface Block {
  readonly bytes: Buffer;
  start: number;
  end: number;
}

export class HeldBytes {
  readonly #blocks: Block[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Copies what is valid during the call. */
  add(data: Uint8Array): void {
    const last = this.#blocks.at(-1);
    const block = last !== undefined && last.end + data.length <= last.bytes.length ? last : this.#open(data.length);
    block.bytes.set(data, block.end);
    block.end += data.length;
    this.#length += data.length;
  }

  /** All of it, in parts that are valid until the next call. */
  parts(): readonly Buffer[] {
    return this.#blocks.map(({ bytes, start, end }) => bytes.subarray(start, end));
  }

  /** The first part; undefined when there is nothing. */
  get first(): Buffer | undefined {
    const block = this.#blocks[0];
    return block?.bytes.subarray(block.start, block.end);
  }

  /** So many bytes of the first part are not needed any more. */
  consume(bytes: number): void {
    const block = this.#blocks[0];
    if (block === undefined) return;
    block.start += bytes;
    this.#length -= bytes;
    if (block.start === block.end) this.#blocks.shift();
  }

  /** The first is no longer than what comes, since most often nothing follows; each further one has room for as much as there is. */
  #open(bytes: number): Block {
    const room = Math.max(bytes, Math.min(BLOCK_BYTES, this.#length));
    const block = { bytes: Buffer.allocUnsafe(room), start: 0, end: 0 };
    this.#blocks.push(block);
    return block;
  }
}
