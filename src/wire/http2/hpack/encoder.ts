/**
 * HPACK encoding (RFC 7541). Strings are sent as they are: between agents the bytes that Huffman coding saves cost more than
 * they bring. Fields that repeat from request to request are put into the dynamic table and cost one octet from then on.
 */
import type { FieldList } from "#wire/fields";
import type { OutputBuffer } from "#wire/output";
import { DynamicTable } from "./dynamic-table.ts";
import { STATIC_TABLE } from "./static-table.ts";

/** Differ in every message: indexing them would only push out what repeats. */
const UNINDEXED: ReadonlySet<string> = new Set([
  ":path",
  "content-length",
  "date",
  "etag",
  "if-modified-since",
  "if-none-match",
  "last-modified",
  "location",
  "traceparent",
  "tracestate",
  "x-request-id",
]);
/** Secrets that a shared table would let an attacker guess (§7.1.3): never indexed, by any hop. */
const NEVER_INDEXED: ReadonlySet<string> = new Set(["authorization", "proxy-authorization", "cookie", "set-cookie"]);
/** A longer value is not worth its room. */
const INDEXED_VALUE_MAX = 256;

const STATIC_NAMES = new Map<string, number>();
const STATIC_FIELDS = new Map<string, Map<string, number>>();
for (const [position, [name, value]] of STATIC_TABLE.entries()) {
  if (!STATIC_NAMES.has(name)) STATIC_NAMES.set(name, position + 1);
  const values = STATIC_FIELDS.get(name) ?? new Map<string, number>();
  STATIC_FIELDS.set(name, values.set(value, position + 1));
}

/** Longer lists are rare, and encoded anew each time. */
const REMEMBERED_ENTRIES = 64;

interface Written {
  fields: FieldList;
  /** By field: the octet that stood for it, or -1. */
  readonly octets: Int16Array;
  generation: number;
  /** The whole block, once the very same list has come twice while the table stayed as it was. */
  block: Uint8Array | undefined;
}

export class HpackEncoder {
  readonly #table: DynamicTable;
  /** Absolute number of each entry, by name and value. */
  readonly #entries = new Map<string, Map<string, number>>();
  #pendingSize = -1;
  /** The last list of each length with what was written for it: most fields repeat from message to message. */
  readonly #written: (Written | undefined)[] = [];
  /** Counts what changes the table, and with it every index. */
  #generation = 0;

  constructor(tableBytesMax: number) {
    this.#table = new DynamicTable(tableBytesMax, (name, value, entry) => this.#forget(name, value, entry));
  }

  /** The peer allows at most this size (SETTINGS_HEADER_TABLE_SIZE); told at the start of the next block (§4.2). */
  limitTable(bytesMax: number): void {
    if (bytesMax >= this.#table.sizeMax) return;
    this.#pendingSize = bytesMax;
    this.#generation++;
    this.#table.resize(bytesMax);
  }

  encode(fields: FieldList, output: OutputBuffer): void {
    if (this.#pendingSize >= 0) {
      writeInteger(output, 0x20, 5, this.#pendingSize);
      this.#pendingSize = -1;
    }
    const written = fields.length <= REMEMBERED_ENTRIES ? this.#writtenOf(fields.length) : undefined;
    if (written === undefined) this.#encodeAnew(fields, output);
    else if (fields === written.fields) this.#repeat(written, output);
    else this.#encodeAgain(fields, written, output);
  }

  /** Writes the very same list once more. */
  #repeat(written: Written, output: OutputBuffer): void {
    const { generation, block } = written;
    if (block !== undefined && generation === this.#generation) return output.writeBytes(block);
    const before = output.length;
    this.#encodeAgain(written.fields, written, output);
    const isStable = generation === this.#generation;
    written.block = isStable ? output.copyOfLast(output.length - before) : undefined;
  }

  #writtenOf(length: number): Written {
    const known = this.#written[length];
    if (known !== undefined) return known;
    const fresh = {
      fields: [],
      octets: new Int16Array(length / 2).fill(-1),
      generation: this.#generation,
      block: undefined,
    };
    this.#written[length] = fresh;
    return fresh;
  }

  #encodeAnew(fields: FieldList, output: OutputBuffer): void {
    for (let index = 0; index < fields.length; index += 2) {
      this.#encodeField(fields[index] as string, fields[index + 1] as string, output);
    }
  }

  #encodeAgain(fields: FieldList, written: Written, output: OutputBuffer): void {
    const { octets, fields: before } = written;
    const { generation } = written;
    for (let index = 0; index < fields.length; index += 2) {
      const name = fields[index] as string;
      const value = fields[index + 1] as string;
      const octet = octets[index >> 1] as number;
      const isSame = octet >= 0 && generation === this.#generation && value === before[index + 1];
      if (isSame && name === before[index]) output.writeByte(octet);
      else octets[index >> 1] = this.#encodeField(name, value, output);
    }
    written.fields = fields;
    written.block = undefined;
    // What was written before the table changed has another index now: none of it is taken again.
    if (generation !== this.#generation) octets.fill(-1);
    written.generation = this.#generation;
  }

  /** Returns the single octet that stands for the field, or -1 where there is none. */
  #encodeField(name: string, value: string, output: OutputBuffer): number {
    const index = this.#indexOf(name, value);
    if (index > 0) {
      writeInteger(output, 0x80, 7, index);
      return index < 0x7f ? 0x80 | index : -1;
    }
    const form = formOf(name, value);
    this.#writeLiteral(name, value, { output, pattern: form, prefixBits: form === INDEXED ? 6 : 4 });
    if (form === INDEXED) this.#remember(name, value);
    return -1;
  }

  /** Index of the whole field, or 0. */
  #indexOf(name: string, value: string): number {
    const fixed = STATIC_FIELDS.get(name)?.get(value);
    if (fixed !== undefined) return fixed;
    const entry = this.#entries.get(name)?.get(value);
    return entry === undefined ? 0 : STATIC_TABLE.length + 1 + this.#table.indexOf(entry);
  }

  #writeLiteral(name: string, value: string, form: LiteralForm): void {
    const { output, pattern, prefixBits } = form;
    const index = STATIC_NAMES.get(name) ?? this.#dynamicName(name);
    writeInteger(output, pattern, prefixBits, index);
    if (index === 0) writeString(output, name);
    writeString(output, value);
  }

  /** Index of some entry with this name, or 0. */
  #dynamicName(name: string): number {
    const values = this.#entries.get(name);
    if (values === undefined) return 0;
    for (const entry of values.values()) return STATIC_TABLE.length + 1 + this.#table.indexOf(entry);
    return 0;
  }

  #remember(name: string, value: string): void {
    this.#generation++;
    const entry = this.#table.add(name, value);
    if (entry < 0) return;
    const values = this.#entries.get(name);
    if (values === undefined) this.#entries.set(name, new Map([[value, entry]]));
    else values.set(value, entry);
  }

  #forget(name: string, value: string, entry: number): void {
    const values = this.#entries.get(name);
    if (values?.get(value) !== entry) return;
    values.delete(value);
    if (values.size === 0) this.#entries.delete(name);
  }
}

/** First octets of the three literal forms (§6.2). */
const INDEXED = 0x40;
const NOT_INDEXED = 0x00;
const SECRET = 0x10;

function formOf(name: string, value: string): number {
  if (NEVER_INDEXED.has(name)) return SECRET;
  return UNINDEXED.has(name) || value.length > INDEXED_VALUE_MAX ? NOT_INDEXED : INDEXED;
}

interface LiteralForm {
  readonly output: OutputBuffer;
  readonly pattern: number;
  readonly prefixBits: number;
}

// biome-ignore lint/complexity/useMaxParams: the four parts of an encoded integer, on the hot path
function writeInteger(output: OutputBuffer, pattern: number, prefixBits: number, value: number): void {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) {
    output.writeByte(pattern | value);
    return;
  }
  output.writeByte(pattern | mask);
  let rest = value - mask;
  while (rest >= 0x80) {
    output.writeByte((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  output.writeByte(rest);
}

function writeString(output: OutputBuffer, text: string): void {
  writeInteger(output, 0, 7, text.length);
  output.writeLatin1(text);
}
