/**
 * xxHash64 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md), the hash by which Envoy places hosts and keys: who hashes the same reaches
 * the same endpoint, through whichever proxy.
 */
import { Word64 } from "./word64.ts";

/** A hash of 64 bits as two unsigned halves. */
export interface Hash64 {
  readonly high: number;
  readonly low: number;
}

const PRIME_1 = Word64.of(0x9e3779b1, 0x85ebca87);
const PRIME_2 = Word64.of(0xc2b2ae3d, 0x27d4eb4f);
const PRIME_3 = Word64.of(0x165667b1, 0x9e3779f9);
const PRIME_4 = Word64.of(0x85ebca77, 0xc2b2ae63);
const PRIME_5 = Word64.of(0x27d4eb2f, 0x165667c5);

const STRIPE_BYTES = 32;

// One hash is made at a time, from beginning to end: these are its working memory.
const lane1 = new Word64();
const lane2 = new Word64();
const lane3 = new Word64();
const lane4 = new Word64();
const piece = new Word64();

/** Longer texts get a buffer of their own. */
const TEXT_BYTES = 1024;
const textBytes = new Uint8Array(TEXT_BYTES);

/**
 * Hashes a text, a byte for each character, as the fields of HTTP are decoded (latin1); a text with other characters is hashed as UTF-8.
 * `seed` is below 2³². The result is `into`, or new.
 */
export function xxHash64(text: string, seed = 0, into: Word64 = new Word64()): Hash64 {
  const { length } = text;
  const bytes = length <= TEXT_BYTES ? textBytes : new Uint8Array(length);
  into.set(0, seed);
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0xff) {
      const encoded = new TextEncoder().encode(text);
      return hashBytes(encoded, encoded.length, into);
    }
    bytes[index] = code;
  }
  return hashBytes(bytes, length, into);
}

/** `hash` holds the seed. */
function hashBytes(bytes: Uint8Array, length: number, hash: Word64): Hash64 {
  if (length >= STRIPE_BYTES) {
    hashStripes(bytes, length, hash.low);
    mergeLanes(hash);
  } else {
    hash.add(PRIME_5.high, PRIME_5.low);
  }
  hash.add(0, length);
  hashRest(bytes, length, hash);
  avalanche(hash);
  hash.unsigned();
  return hash;
}

/** Four lanes take eight bytes each of every whole stripe. */
function hashStripes(bytes: Uint8Array, length: number, seed: number): void {
  lane1.set(0, seed);
  lane1.add(PRIME_1.high, PRIME_1.low);
  lane1.add(PRIME_2.high, PRIME_2.low);
  lane2.set(0, seed);
  lane2.add(PRIME_2.high, PRIME_2.low);
  lane3.set(0, seed);
  lane4.set(0, seed);
  // Minus the first prime.
  lane4.add(~PRIME_1.high, -PRIME_1.low);
  for (let at = 0; at + STRIPE_BYTES <= length; at += STRIPE_BYTES) {
    round(lane1, readHalf(bytes, at + 4), readHalf(bytes, at));
    round(lane2, readHalf(bytes, at + 12), readHalf(bytes, at + 8));
    round(lane3, readHalf(bytes, at + 20), readHalf(bytes, at + 16));
    round(lane4, readHalf(bytes, at + 28), readHalf(bytes, at + 24));
  }
}

function round(lane: Word64, high: number, low: number): void {
  piece.set(high, low);
  piece.multiply(PRIME_2);
  lane.add(piece.high, piece.low);
  lane.rotateLeft(31);
  lane.multiply(PRIME_1);
}

function mergeLanes(hash: Word64): void {
  hash.set(0, 0);
  addRotated(hash, lane1, 1);
  addRotated(hash, lane2, 7);
  addRotated(hash, lane3, 12);
  addRotated(hash, lane4, 18);
  mergeLane(hash, lane1);
  mergeLane(hash, lane2);
  mergeLane(hash, lane3);
  mergeLane(hash, lane4);
}

function addRotated(hash: Word64, lane: Word64, bits: number): void {
  piece.set(lane.high, lane.low);
  piece.rotateLeft(bits);
  hash.add(piece.high, piece.low);
}

function mergeLane(hash: Word64, lane: Word64): void {
  const { high, low } = lane;
  lane.set(0, 0);
  round(lane, high, low);
  hash.xor(lane.high, lane.low);
  hash.multiply(PRIME_1);
  hash.add(PRIME_4.high, PRIME_4.low);
}

/** What is left after the stripes: by eight bytes, then four, then one. */
function hashRest(bytes: Uint8Array, length: number, hash: Word64): void {
  let at = length - (length % STRIPE_BYTES);
  for (; at + 8 <= length; at += 8) {
    lane1.set(0, 0);
    round(lane1, readHalf(bytes, at + 4), readHalf(bytes, at));
    hash.xor(lane1.high, lane1.low);
    hash.rotateLeft(27);
    hash.multiply(PRIME_1);
    hash.add(PRIME_4.high, PRIME_4.low);
  }
  if (at + 4 <= length) {
    piece.set(0, readHalf(bytes, at));
    piece.multiply(PRIME_1);
    hash.xor(piece.high, piece.low);
    hash.rotateLeft(23);
    hash.multiply(PRIME_2);
    hash.add(PRIME_3.high, PRIME_3.low);
    at += 4;
  }
  for (; at < length; at++) {
    piece.set(0, bytes[at] as number);
    piece.multiply(PRIME_5);
    hash.xor(piece.high, piece.low);
    hash.rotateLeft(11);
    hash.multiply(PRIME_1);
  }
}

function avalanche(hash: Word64): void {
  hash.xorShifted(33);
  hash.multiply(PRIME_2);
  hash.xorShifted(29);
  hash.multiply(PRIME_3);
  hash.xorShifted(32);
}

/** Four bytes, the least first. */
function readHalf(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}
