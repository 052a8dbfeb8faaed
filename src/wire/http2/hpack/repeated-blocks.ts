/** Whole header blocks that were decoded before: one that comes again, while the table is as it was, says the same. */
import type { FieldList } from "#wire/fields";

/** Longer blocks are decoded anew, so that what a connection remembers is bounded. */
const BLOCK_BYTES_MAX = 256;

interface Known {
  readonly bytes: Uint8Array;
  fields: FieldList;
  /** State of the table, as it counts its changes. */
  changes: number;
}

export class RepeatedBlocks {
  /** The last block of each length. */
  readonly #known: (Known | undefined)[] = [];

  // biome-ignore lint/complexity/useMaxParams: a block as the decoder has it, on the hot path
  find(bytes: Uint8Array, start: number, end: number, changes: number): FieldList | undefined {
    const known = this.#known[end - start];
    if (known === undefined || known.changes !== changes) return undefined;
    for (let at = start; at < end; at++) if (bytes[at] !== known.bytes[at - start]) return undefined;
    return known.fields;
  }

  /** For a block that itself changed nothing. */
  remember(block: Uint8Array, fields: FieldList, changes: number): void {
    if (block.length > BLOCK_BYTES_MAX) return;
    const known = this.#known[block.length];
    if (known === undefined) this.#known[block.length] = { bytes: Uint8Array.from(block), fields, changes };
    else {
      known.bytes.set(block);
      known.fields = fields;
      known.changes = changes;
    }
  }
}
