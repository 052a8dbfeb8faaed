/** What verifying needs of the engine. */
import type { PublicJwk, TokenAlgorithm } from "#model";

export interface VerifyingKey {
  /** Whether the signature, as JWS carries it (RFC 7518 §3), was made over the data by this key. Never throws. */
  verify(algorithm: TokenAlgorithm, data: string, signature: Uint8Array): boolean;
}

export interface TokenCrypto {
  /** Undefined for what is no key. */
  readonly importKey: (jwk: PublicJwk) => VerifyingKey | undefined;
  /** Collision-resistant: what was verified is known again by it. */
  readonly digest: (text: string) => string;
}
