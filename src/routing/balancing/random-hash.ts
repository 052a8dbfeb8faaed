import { Word64 } from "./word64.ts";
import type { Hash64 } from "./xxhash64.ts";

const drawn = new Word64();

/** A hash by chance, for a request without a key; valid until the next one. */
export function randomHash(random: () => number): Hash64 {
  drawn.high = Math.floor(random() * 0x1_0000_0000);
  drawn.low = Math.floor(random() * 0x1_0000_0000);
  return drawn;
}
