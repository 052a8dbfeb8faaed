/** HPACK decoding (RFC 7541 §3, §6) of whole header blocks. */
import type { FieldList } from "#wire/fields";
import { DynamicTable } from "./dynamic-table.ts";
import { decodeHuffman } from "./huffman.ts";
import { type DecodedBlock, RepeatedBlocks } from "./repeated-blocks.ts";
import { STATIC_TABLE } from "./static-table.ts";

export type HpackFault =
  | "bad-integer"
  | "bad-index"
  | "bad-string"
  | "bad-huffman"
  | "bad-table-size"
  | "list-too-large";

export interface HpackDecoderLimits {
  /** What we tell the peer by SETTINGS_HEADER_TABLE_SIZE, bytes. */
  readonly tableBytesMax: number;
  /** Size of a decoded list as RFC 9113 §6.5.2 counts it: stops a small block from becoming a large list. */
  readonly listBytesMax: number;
  /** Whether the block of a list that is too large is read to its end, so that only the stream is lost; else it is a fault. */
  readonly outlivesLargeLists?: boolean;
  /** Whether whole blocks are likely to repeat, as those of responses are. Each request has a trace of its own. */
  readonly repeats?: boolean;
}

const FIELD_OVERHEAD = 32;
/** More continuation octets than this cannot be a size of ours. */
const INTEGER_SHIFT_MAX = 28;

export class HpackDecoder {
  readonly #limits: HpackDecoderLimits;
  readonly #table: DynamicTable;
  readonly #repeats: RepeatedBlocks | undefined;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  #listBytes = 0;
  /** The block names an entry of the table, or changes its size. */
  #refersToTable = false;
  /** Where the fields stand that the block adds to the table; undefined when nobody asks. */
  #added: number[] | undefined;
  fault: HpackFault | undefined;
  /** The last block's list was too large, and nothing of it is kept. */
  isTooLarge = false;

  constructor(limits: HpackDecoderLimits) {
    this.#limits = limits;
    this.#table = new DynamicTable(limits.tableBytesMax);
    this.#repeats = limits.repeats === true ? new RepeatedBlocks() : undefined;
  }

  /**
   * Decodes one whole block. After a fault the connection's compression state is lost, and so is the connection. Lists are never written
   * to: a block that repeats gives the very same list, by which all that follow know it.
   */
  decode(bytes: Buffer, start: number, end: number): FieldList {
    this.isTooLarge = false;
    const repeats = this.#repeats;
    if (repeats === undefined) return this.#decode(bytes, start, end);
    const { changes } = this.#table;
    const known = repeats.find(bytes, start, end, changes);
    if (known !== undefined) return this.#again(known);
    const added: number[] = [];
    this.#added = added;
    const fields = this.#decode(bytes, start, end);
    if (this.fault !== undefined || this.isTooLarge) return fields;
    if (!this.#refersToTable) repeats.remember(bytes.subarray(start, end), { fields, added, changes: undefined });
    else if (changes === this.#table.changes) repeats.remember(bytes.subarray(start, end), { fields, added, changes });
    return fields;
  }

  /** A block that is known does to the table what it did before. */
  #again({ fields, added }: DecodedBlock): FieldList {
    for (const at of added) this.#table.add(fields[at] as string, fields[at + 1] as string);
    return fields;
  }

  #decode(bytes: Buffer, start: number, end: number): FieldList {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#listBytes = 0;
    this.#refersToTable = false;
    const fields: FieldList = [];
    this.#readSizeUpdates();
    while (this.#at < this.#end && this.fault === undefined) this.#readField(fields);
    return fields;
  }

  /** Updates stand at the beginning of a block only (§4.2). */
  #readSizeUpdates(): void {
    while (this.#at < this.#end && ((this.#bytes[this.#at] as number) & 0xe0) === 0x20) {
      const size = this.#integer(5);
      if (size > this.#limits.tableBytesMax) this.fault ??= "bad-table-size";
      if (this.fault !== undefined) return;
      this.#refersToTable = true;
      this.#table.resize(size);
    }
  }

  #readField(fields: FieldList): void {
    const first = this.#bytes[this.#at] as number;
    if ((first & 0x80) !== 0) this.#readIndexed(fields);
    else if ((first & 0x40) !== 0) this.#readLiteral(fields, 6, true);
    else if ((first & 0x20) !== 0) this.fault = "bad-table-size";
    else this.#readLiteral(fields, 4, false);
  }

  #readIndexed(fields: FieldList): void {
    const index = this.#integer(7);
    if (this.fault !== undefined) return;
    const fixed = STATIC_TABLE[index - 1];
    if (fixed !== undefined) this.#push(fields, fixed[0], fixed[1]);
    else if (index === 0 || index - STATIC_TABLE.length > this.#table.length) this.fault = "bad-index";
    else {
      this.#refersToTable = true;
      const dynamic = index - STATIC_TABLE.length - 1;
      this.#push(fields, this.#table.name(dynamic), this.#table.value(dynamic));
    }
  }

  #readLiteral(fields: FieldList, prefixBits: number, isIndexed: boolean): void {
    const index = this.#integer(prefixBits);
    const name = index === 0 ? this.#string() : this.#indexedName(index);
    const value = this.#string();
    if (this.fault !== undefined) return;
    if (isIndexed) {
      this.#added?.push(fields.length);
      this.#table.add(name, value);
    }
    this.#push(fields, name, value);
  }

  #indexedName(index: number): string {
    const fixed = STATIC_TABLE[index - 1];
    if (fixed !== undefined) return fixed[0];
    this.#refersToTable = true;
    if (index - STATIC_TABLE.length > this.#table.length) this.fault ??= "bad-index";
    return this.#table.name(index - STATIC_TABLE.length - 1);
  }

  #push(fields: FieldList, name: string, value: string): void {
    this.#listBytes += name.length + value.length + FIELD_OVERHEAD;
    if (this.#listBytes <= this.#limits.listBytesMax) fields.push(name, value);
    else if (this.#limits.outlivesLargeLists !== true) this.fault = "list-too-large";
    else {
      this.isTooLarge = true;
      fields.length = 0;
    }
  }

  /** §5.1. A fault gives 0. */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#octet() & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      const octet = this.#octet();
      if (this.fault !== undefined || shift >= INTEGER_SHIFT_MAX) {
        this.fault ??= "bad-integer";
        return 0;
      }
      value += (octet & 0x7f) << shift;
      if ((octet & 0x80) === 0) return value;
    }
  }

  #octet(): number {
    if (this.#at >= this.#end) {
      this.fault ??= "bad-integer";
      return 0;
    }
    return this.#bytes[this.#at++] as number;
  }

  /** §5.2. A fault gives "". */
  #string(): string {
    const isHuffman = this.#at < this.#end && ((this.#bytes[this.#at] as number) & 0x80) !== 0;
    const length = this.#integer(7);
    const start = this.#at;
    if (this.fault !== undefined || start + length > this.#end) {
      this.fault ??= "bad-string";
      return "";
    }
    this.#at += length;
    if (!isHuffman) return this.#bytes.toString("latin1", start, this.#at);
    const decoded = decodeHuffman(this.#bytes, start, this.#at);
    if (decoded === undefined) this.fault = "bad-huffman";
    return decoded ?? "";
  }
}
