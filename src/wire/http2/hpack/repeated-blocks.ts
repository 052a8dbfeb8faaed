/**
 * Whole header blocks that were decoded before. One that comes again says the same if it means the same: because it refers to nothing
 * that the table holds, or because the table is as it was.
 */
import type { FieldList } from "#wire/fields";

/** Longer blocks are decoded anew, so that what a connection remembers is bounded. */
const BLOCK_BYTES_MAX = 256;

/** What a block said when it was decoded. */
export interface DecodedBlock {
  readonly fields: FieldList;
  /** State of the table that it was decoded with, as the table counts its changes; undefined when it says the same with any. */
  readonly changes: number | undefined;
  /** Where in the list the fields stand that it adds to the table. */
  readonly added: readonly number[];
}

interface Known {
  readonly bytes: Uint8Array;
  decoded: DecodedBlock;
}

export class RepeatedBlocks {
  /** The last block of each length. */
  readonly #known: (Known | undefined)[] = [];

  // biome-ignore lint/complexity/useMaxParams: a block as the decoder has it, on the hot path
  find(bytes: Uint8Array, start: number, end: number, changes: number): DecodedBlock | undefined {
    const known = this.#known[end - start];
    if (known === undefined) return undefined;
    const { decoded } = known;
    if (decoded.changes !== undefined && decoded.changes !== changes) return undefined;
    for (let at = start; at < end; at++) if (bytes[at] !== known.bytes[at - start]) return undefined;
    return decoded;
  }

  remember(block: Uint8Array, decoded: DecodedBlock): void {
    if (block.length > BLOCK_BYTES_MAX) return;
    const known = this.#known[block.length];
    if (known === undefined) this.#known[block.length] = { bytes: Uint8Array.from(block), decoded };
    else {
      known.bytes.set(block);
      known.decoded = decoded;
    }
  }
}
