import { expect, test } from "bun:test";
import fc from "fast-check";
import { xxHash64 } from "../index.ts";

const asBigInt = ({ high, low }: { readonly high: number; readonly low: number }): bigint =>
  (BigInt(high) << 32n) | BigInt(low);

test.each([
  ["", 0, 17241709254077376921n],
  ["", 1, 0xd5afba1336a3be4bn],
  ["foo", 0, 3728699739546630719n],
  ["bar", 0, 5234164152756840025n],
  ["foo\nbar", 0, 8917841378505826757n],
  ["lyft", 0, 4400747396090729504n],
  ["Nobody inspects the spammish repetition", 0, 0xfbcea83c8a378bf1n],
  ["The quick brown fox jumps over the lazy dog", 0, 0x0b242d361fda71bcn],
])("%p with seed %p is what others publish", (text, seed, hash) => {
  expect(asBigInt(xxHash64(text, seed))).toBe(hash);
});

test("every length and seed gives what the engine's own gives", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 0xffffffff }), (bytes, seed) => {
      const text = Buffer.from(bytes).toString("latin1");
      expect(asBigInt(xxHash64(text, seed))).toBe(Bun.hash.xxHash64(bytes, BigInt(seed)));
    }),
    { numRuns: 2000 },
  );
});

test("text beyond latin1, and beyond the buffer, is hashed too", () => {
  expect(asBigInt(xxHash64("schlüssel → 🔑"))).toBe(Bun.hash.xxHash64("schlüssel → 🔑"));
  expect(asBigInt(xxHash64("x".repeat(5000)))).toBe(Bun.hash.xxHash64("x".repeat(5000)));
});
