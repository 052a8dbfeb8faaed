/** Addresses and blocks of them, as policies compare them. */
import ipaddr from "ipaddr.js";
import { failure, problem, type Result, success } from "./problem.ts";

/** An IPv4 or IPv6 address in one form: IPv4 is held as IPv4-mapped IPv6 (RFC 4291 §2.5.5.2). */
export interface IpAddress {
  readonly text: string;
  /** Four numbers of 32 bits, the most significant first. */
  readonly words: Words;
}

type Words = readonly [number, number, number, number];

/** The addresses whose first `bits` of 128 are those of `words`. */
export interface AddressBlock {
  readonly words: Words;
  readonly bits: number;
}

/** Bits that an IPv4 address has before it in the mapped form. */
const MAPPED_BITS = 96;
const BITS = 128;
/** The third word of the mapped form; the two before it are zero. */
const MAPPED_WORD = 0xffff;

/** Undefined for what is no address in the usual notation: no octal or short forms, which others read differently. A zone is left out. */
export function parseAddress(text: string): IpAddress | undefined {
  const bare = text.split("%", 1)[0] ?? "";
  const words = wordsOf(bare);
  return words === undefined ? undefined : { text: bare, words };
}

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. */
export function parseAddressBlock(text: string): Result<AddressBlock> {
  const [address = "", length, ...more] = text.split("/");
  const words = wordsOf(address);
  if (words === undefined || more.length > 0) return invalid(text);
  const before = address.includes(":") ? 0 : MAPPED_BITS;
  if (length === undefined) return success({ words, bits: BITS });
  if (!/^\d{1,3}$/.test(length) || Number(length) + before > BITS) return invalid(text);
  return success({ words, bits: Number(length) + before });
}

/** Whether the address is one of the block's. A block of IPv6, `::/0` too, holds IPv4 only where it is written in the mapped form. */
export function isInBlock({ words }: IpAddress, block: AddressBlock): boolean {
  if (block.bits < MAPPED_BITS && words[2] === MAPPED_WORD && words[0] === 0 && words[1] === 0) return false;
  for (let index = 0, left = block.bits; left > 0; index++, left -= 32) {
    const mask = left >= 32 ? 0xffff_ffff : 0xffff_ffff << (32 - left);
    if ((((words[index] as number) ^ (block.words[index] as number)) & mask) !== 0) return false;
  }
  return true;
}

function wordsOf(text: string): Words | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return mapped(ipaddr.IPv4.parse(text).octets);
  if (!text.includes(":") || text.includes("%") || !ipaddr.IPv6.isValid(text)) return undefined;
  const parts = ipaddr.IPv6.parse(text).parts;
  const word = (index: number): number => (((parts[index] ?? 0) << 16) | (parts[index + 1] ?? 0)) >>> 0;
  return [word(0), word(2), word(4), word(6)];
}

function mapped(octets: readonly number[]): Words {
  return [0, 0, MAPPED_WORD, octets.reduce((word, octet) => ((word << 8) | octet) >>> 0, 0)];
}

function invalid(text: string): Result<never> {
  const message = `\`${text.slice(0, 64)}\` is neither an address nor a block such as \`10.0.0.0/8\``;
  return failure(problem("HDL_MANIFEST_INVALID", message));
}
