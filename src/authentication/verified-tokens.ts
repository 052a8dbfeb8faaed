/** Tokens that were found valid lately: a caller sends the same one with every request. */
import type { CompactToken } from "./compact-token.ts";

export interface VerifiedToken {
  /** Index of the rule that took it. */
  readonly rule: number;
  readonly token: Pick<CompactToken, "claims" | "payload">;
}

/** A power of two. */
const PLACES = 1024;
/** Longer ones are verified each time, so that what callers make us remember is bounded: at most some four megabytes. */
export const REMEMBERED_CHARS_MAX = 4096;

/**
 * A table with a place for each token, by its digest: the secret itself is not kept, and finding one tells nothing about another.
 * It belongs to one set of keys, and is forgotten with it.
 */
export class VerifiedTokens {
  readonly #places: ({ readonly digest: string; readonly verified: VerifiedToken } | undefined)[] =
    new Array<undefined>(PLACES).fill(undefined);

  find(digest: string): VerifiedToken | undefined {
    const held = this.#places[placeOf(digest)];
    return held?.digest === digest ? held.verified : undefined;
  }

  remember(digest: string, verified: VerifiedToken): void {
    this.#places[placeOf(digest)] = { digest, verified };
  }
}

/** From the digest's own bits, which are as good as chance. */
function placeOf(digest: string): number {
  return Number.parseInt(digest.slice(0, 8), 16) & (PLACES - 1);
}
