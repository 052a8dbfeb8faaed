/**
 * HPACK decoding as RFC 7541 tells it, without care for speed: what the room's decoder is compared with. It shares nothing but the
 * RFC's two tables.
 */
import type { FieldList } from "#wire/fields";
import { HUFFMAN_CODES, HUFFMAN_LENGTHS } from "../../../src/wire/http2/hpack/huffman-code.ts";
import { STATIC_TABLE } from "../../../src/wire/http2/hpack/static-table.ts";

const SYMBOLS = new Map<string, number>();
for (let symbol = 0; symbol < 256; symbol++) SYMBOLS.set(codeOf(symbol), symbol);

function codeOf(symbol: number): string {
  return (HUFFMAN_CODES[symbol] ?? 0).toString(2).padStart(HUFFMAN_LENGTHS[symbol] ?? 0, "0");
}

/** A latin1 string in Huffman code, padded with ones. */
export function huffmanOf(text: string): Buffer {
  let bits = "";
  for (const byte of Buffer.from(text, "latin1")) bits += codeOf(byte);
  bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");
  return Buffer.from(bits.match(/.{8}/g)?.map((octet) => Number.parseInt(octet, 2)) ?? []);
}

/** As many octets after the first as an integer may have: our own limit, which §5.1 asks for. */
const MORE_OCTETS_MAX = 4;

/** What cannot be decoded. */
export class NaiveFault extends Error {}

export class NaiveHpackDecoder {
  /** Newest first. */
  #table: (readonly [string, string])[] = [];
  #sizeMax: number;
  readonly #limits: { readonly tableBytesMax: number; readonly listBytesMax: number };
  #octets: number[] = [];

  constructor(limits: { readonly tableBytesMax: number; readonly listBytesMax: number }) {
    this.#limits = limits;
    this.#sizeMax = limits.tableBytesMax;
  }

  /** Throws a `NaiveFault`. */
  decode(block: Buffer): FieldList {
    this.#octets = [...block];
    const fields: FieldList = [];
    let size = 0;
    let isStart = true;
    while (this.#octets.length > 0) {
      const field = this.#representation(isStart);
      if (field === undefined) continue;
      isStart = false;
      size += sizeOf(field);
      if (size > this.#limits.listBytesMax) throw new NaiveFault("the list is too large");
      fields.push(...field);
    }
    return fields;
  }

  #representation(isStart: boolean): readonly [string, string] | undefined {
    const first = this.#octets[0] ?? 0;
    if (first >= 128) return this.#entry(this.#integer(7));
    if (first >= 64) {
      const field = this.#literal(6);
      this.#table.unshift(field);
      this.#evict();
      return field;
    }
    if (first < 32) return this.#literal(4);
    if (!isStart) throw new NaiveFault("a size update after a field");
    this.#sizeMax = this.#integer(5);
    if (this.#sizeMax > this.#limits.tableBytesMax) throw new NaiveFault("the table is too large");
    this.#evict();
    return undefined;
  }

  #literal(prefix: number): readonly [string, string] {
    const index = this.#integer(prefix);
    const name = index === 0 ? this.#string() : this.#entry(index)[0];
    return [name, this.#string()];
  }

  #entry(index: number): readonly [string, string] {
    const entry = [...STATIC_TABLE, ...this.#table][index - 1];
    if (entry === undefined) throw new NaiveFault("no such index");
    return entry;
  }

  #evict(): void {
    while (this.#table.reduce((sum, field) => sum + sizeOf(field), 0) > this.#sizeMax) this.#table.pop();
  }

  #octet(): number {
    const octet = this.#octets.shift();
    if (octet === undefined) throw new NaiveFault("the block is cut off");
    return octet;
  }

  #integer(prefix: number): number {
    const largest = 2 ** prefix - 1;
    let value = this.#octet() % 2 ** prefix;
    if (value < largest) return value;
    for (let position = 0; position < MORE_OCTETS_MAX; position++) {
      const octet = this.#octet();
      value += (octet % 128) * 128 ** position;
      if (octet < 128) return value;
    }
    throw new NaiveFault("an integer that is too long");
  }

  #string(): string {
    const isHuffman = (this.#octets[0] ?? 0) >= 128;
    const length = this.#integer(7);
    if (length > this.#octets.length) throw new NaiveFault("a string that is cut off");
    const octets = this.#octets.splice(0, length);
    return isHuffman ? decodeHuffman(octets) : Buffer.from(octets).toString("latin1");
  }
}

function sizeOf([name, value]: readonly [string, string]): number {
  return name.length + value.length + 32;
}

function decodeHuffman(octets: readonly number[]): string {
  const decoded: number[] = [];
  let code = "";
  for (const bit of octets.map((octet) => octet.toString(2).padStart(8, "0")).join("")) {
    code += bit;
    const symbol = SYMBOLS.get(code);
    if (symbol === undefined) continue;
    decoded.push(symbol);
    code = "";
  }
  if (code.length > 7 || code.includes("0")) throw new NaiveFault("the padding is not the end of string");
  return Buffer.from(decoded).toString("latin1");
}
