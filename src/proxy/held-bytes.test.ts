import { expect, test } from "bun:test";
import fc from "fast-check";
import { HeldBytes } from "./held-bytes.ts";

test("bytes come out as they went in, however they are added and taken", () => {
  const step = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.nat(400));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const held = new HeldBytes();
      const put: number[] = [];
      const got: number[] = [];
      for (const each of steps) {
        if (typeof each === "number") {
          const taken = (held.first ?? Buffer.alloc(0)).subarray(0, each);
          got.push(...taken);
          held.consume(taken.length);
        } else if (each.length > 0) {
          held.add(each);
          put.push(...each);
        }
        expect(held.length).toBe(put.length - got.length);
      }
      expect([...got, ...Buffer.concat(held.parts())]).toEqual(put);
    }),
  );
});

test("many small parts are kept in few", () => {
  const held = new HeldBytes();
  for (let byte = 0; byte < 256 * 1024; byte++) held.add(Buffer.from([byte & 0xff]));
  expect(held.parts().length).toBeLessThan(40);
});

test("one part takes no more room than it needs", () => {
  const held = new HeldBytes();
  held.add(Buffer.alloc(100));
  expect(held.first?.buffer.byteLength).toBeLessThanOrEqual(Buffer.poolSize);
});
