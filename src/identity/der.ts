/** The small part of DER (X.690) that certificates and certification requests need, read strictly and with bounds. */

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

/** Thrown by the reader on malformed bytes; every door function that reads turns it into a `Problem`. */
export class DerFault extends Error {
  override readonly name = "DerFault";
}

/** One tag-length-value: `tag`, its content, and the whole encoding including the header (what a signature covers). */
export interface DerValue {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly encoded: Uint8Array;
}

/** Reads the values of one constructed content in order. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Tag of the next value, or -1 at the end. */
  peek(): number {
    return this.#bytes[this.#at] ?? -1;
  }

  /** The next value, which must have the given tag. */
  read(tag: number): DerValue {
    const value = this.readAny();
    if (value.tag !== tag) throw new DerFault(`tag 0x${value.tag.toString(16)} where 0x${tag.toString(16)} belongs`);
    return value;
  }

  /** The next value if it has the given tag. */
  readIf(tag: number): DerValue | undefined {
    return this.peek() === tag ? this.readAny() : undefined;
  }

  readAny(): DerValue {
    const start = this.#at;
    const tag = this.#octet();
    if ((tag & 0x1f) === 0x1f) throw new DerFault("multi-octet tag");
    const length = this.#length();
    const from = this.#at;
    if (length > this.#bytes.length - from) throw new DerFault("length beyond the end");
    this.#at = from + length;
    return { tag, content: this.#bytes.subarray(from, this.#at), encoded: this.#bytes.subarray(start, this.#at) };
  }

  /** A reader of the next value's content. */
  enter(tag: number): DerReader {
    return new DerReader(this.read(tag).content);
  }

  /** Refuses bytes after what was read: two parsers must not see two certificates. */
  end(): void {
    if (!this.done) throw new DerFault("trailing bytes");
  }

  #length(): number {
    const first = this.#octet();
    if (first < 0x80) return first;
    const octets = first & 0x7f;
    if (octets === 0 || octets > 3) throw new DerFault("indefinite or oversized length");
    let length = 0;
    for (let count = 0; count < octets; count++) length = length * 256 + this.#octet();
    const shortest = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;
    if (shortest !== octets) throw new DerFault("length not in shortest form");
    return length;
  }

  #octet(): number {
    const octet = this.#bytes[this.#at];
    if (octet === undefined) throw new DerFault("ends too early");
    this.#at++;
    return octet;
  }
}

/** Encodes one value from the concatenation of its parts. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const octets: number[] = [];
  for (let rest = length; length >= 0x80 && rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  const header = length < 0x80 ? [tag, length] : [tag, 0x80 | octets.length, ...octets];
  const encoded = new Uint8Array(header.length + length);
  encoded.set(header);
  let at = header.length;
  for (const part of parts) {
    encoded.set(part, at);
    at += part.length;
  }
  return encoded;
}

/** Encodes dotted-decimal as OBJECT IDENTIFIER. */
export function derObjectId(dotted: string): Uint8Array {
  const arcs = dotted.split(".").map(Number);
  const [first = 0, second = 0, ...rest] = arcs;
  const octets: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const group = [arc & 0x7f];
    for (let high = Math.floor(arc / 128); high > 0; high = Math.floor(high / 128)) group.unshift((high & 0x7f) | 0x80);
    octets.push(...group);
  }
  return der(TAG.objectId, Uint8Array.from(octets));
}

/** OBJECT IDENTIFIER content as dotted-decimal. */
export function readObjectId(content: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const [index, octet] of content.entries()) {
    arc = arc * 128 + (octet & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw new DerFault("object identifier arc too large");
    if ((octet & 0x80) !== 0) {
      if (index === content.length - 1) throw new DerFault("object identifier ends too early");
      continue;
    }
    if (arcs.length === 0) arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)));
    else arcs.push(arc);
    arc = 0;
  }
  return arcs.join(".");
}

/** BOOLEAN content. DER allows only 0x00 and 0xff. */
export function readBoolean(content: Uint8Array): boolean {
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw new DerFault("malformed boolean");
  return content[0] === 0xff;
}

/** BIT STRING content without its count of unused bits, which must leave whole octets when `wholeOctets`. */
export function readBits(content: Uint8Array, wholeOctets: boolean): Uint8Array {
  const unused = content[0];
  if (unused === undefined || unused > 7 || (wholeOctets && unused !== 0)) throw new DerFault("malformed bit string");
  return content.subarray(1);
}

const UTC_TIME = /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;
const GENERALIZED_TIME = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;

/** UTCTime or GeneralizedTime in the forms that RFC 5280 §4.1.2.5 allows, as milliseconds since the epoch. */
export function readTime(value: DerValue): number {
  const form = value.tag === TAG.utcTime ? UTC_TIME : value.tag === TAG.generalizedTime ? GENERALIZED_TIME : undefined;
  const fields = form?.exec(readAscii(value.content))?.slice(1).map(Number);
  if (fields === undefined) throw new DerFault("malformed time");
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields;
  const century = value.tag === TAG.generalizedTime ? 0 : year >= 50 ? 1900 : 2000;
  return Date.UTC(year + century, month - 1, day, hour, minute, second);
}

/** IA5String content; bytes outside ASCII are refused. */
export function readAscii(content: Uint8Array): string {
  let text = "";
  for (const octet of content) {
    if (octet > 0x7e || octet < 0x20) throw new DerFault("character outside printable ASCII");
    text += String.fromCharCode(octet);
  }
  return text;
}
