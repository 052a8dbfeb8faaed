/**
 * Arithmetic on 64-bit words as two halves of 32 bits: several times as fast as BigInt, and it allocates nothing. A word changes in
 * place; halves may be negative between operations, and `unsigned` makes both non-negative.
 */

export class Word64 {
  high = 0;
  low = 0;

  /** From halves, or a shorter way to write a constant. */
  static of(high: number, low: number): Word64 {
    const word = new Word64();
    word.set(high, low);
    return word;
  }

  set(high: number, low: number): void {
    this.high = high | 0;
    this.low = low | 0;
  }

  add(high: number, low: number): void {
    const sum = (this.low >>> 0) + (low >>> 0);
    this.high = (this.high + high + (sum > 0xffffffff ? 1 : 0)) | 0;
    this.low = sum | 0;
  }

  xor(high: number, low: number): void {
    this.high ^= high;
    this.low ^= low;
  }

  /** The low 64 bits of the product, from products of 16 bits each. */
  multiply({ high, low }: Word64): void {
    const a0 = this.low & 0xffff;
    const a1 = this.low >>> 16;
    const b0 = low & 0xffff;
    const b1 = low >>> 16;
    const crossA = Math.imul(a0, b1);
    const crossB = Math.imul(a1, b0);
    const middle = (Math.imul(a0, b0) >>> 16) + (crossA & 0xffff) + (crossB & 0xffff);
    const carried = Math.imul(a1, b1) + (crossA >>> 16) + (crossB >>> 16) + (middle >>> 16);
    this.high = (carried + Math.imul(this.high, low) + Math.imul(this.low, high)) | 0;
    this.low = Math.imul(this.low, low);
  }

  /** By 1 to 31 bits. */
  rotateLeft(bits: number): void {
    const { high, low } = this;
    this.high = (high << bits) | (low >>> (32 - bits));
    this.low = (low << bits) | (high >>> (32 - bits));
  }

  /** Exclusive or with itself shifted right by 1 to 63 bits. */
  xorShifted(bits: number): void {
    const { high, low } = this;
    if (bits >= 32) {
      this.low = low ^ (high >>> (bits - 32));
      return;
    }
    this.high = high ^ (high >>> bits);
    this.low = low ^ ((low >>> bits) | (high << (32 - bits)));
  }

  unsigned(): void {
    this.high >>>= 0;
    this.low >>>= 0;
  }
}

/** The remainder of an unsigned number of 64 bits; exact for divisors up to 2²⁶. */
export function remainderOf(high: number, low: number, divisor: number): number {
  return ((high % divisor) * (0x1_0000_0000 % divisor) + low) % divisor;
}
