/** The order of 64-bit numbers given as halves, by radix: rings may have millions of places. Equal ones stay in their order. */
export function sortByHash(high: Uint32Array, low: Uint32Array): Uint32Array {
  let order = Uint32Array.from({ length: high.length }, (_, index) => index);
  let next = new Uint32Array(high.length);
  for (const half of [low, high]) {
    for (let shift = 0; shift < 32; shift += 8) {
      sortByByte(order, next, (index) => ((half[index] as number) >>> shift) & 0xff);
      [order, next] = [next, order];
    }
  }
  return order;
}

function sortByByte(order: Uint32Array, into: Uint32Array, byteOf: (index: number) => number): void {
  const starts = new Uint32Array(257);
  for (const index of order) {
    const next = byteOf(index) + 1;
    starts[next] = (starts[next] as number) + 1;
  }
  for (let byte = 1; byte < 256; byte++) starts[byte] = (starts[byte] as number) + (starts[byte - 1] as number);
  for (const index of order) {
    const byte = byteOf(index);
    into[starts[byte] as number] = index;
    starts[byte] = (starts[byte] as number) + 1;
  }
}
