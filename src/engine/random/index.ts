/** The only door to chance. */
import { randomBytes } from "node:crypto";

export interface Random {
  /** Uniform in [0, 1). Not for secrets. */
  next(): number;
  /** Cryptographically strong bytes. */
  bytes(length: number): Uint8Array;
}

export const systemRandom: Random = {
  next: () => Math.random(),
  bytes: (length) => randomBytes(length),
};
