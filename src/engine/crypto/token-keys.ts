/** Signatures of JSON Web Tokens (RFC 7518 §3, RFC 8037): public keys only. */
import { constants, createPublicKey, type KeyObject, type SigningOptions, verify } from "node:crypto";
import type { PublicJwk, TokenAlgorithm } from "#model";

interface TokenKeyHandle {
  verify(algorithm: TokenAlgorithm, data: string, signature: Uint8Array): boolean;
}

/** `hash` is null where the algorithm has its own. */
interface Scheme {
  readonly hash: "sha256" | "sha384" | "sha512" | null;
  readonly options: SigningOptions & { readonly dsaEncoding?: "ieee-p1363" };
}

/** The salt is as long as the hash (RFC 7518 §3.5). */
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
const PKCS1 = { padding: constants.RSA_PKCS1_PADDING };
const RAW = { dsaEncoding: "ieee-p1363" } as const;

const SCHEMES: Readonly<Record<TokenAlgorithm, Scheme>> = {
  RS256: { hash: "sha256", options: PKCS1 },
  RS384: { hash: "sha384", options: PKCS1 },
  RS512: { hash: "sha512", options: PKCS1 },
  PS256: { hash: "sha256", options: PSS },
  PS384: { hash: "sha384", options: PSS },
  PS512: { hash: "sha512", options: PSS },
  ES256: { hash: "sha256", options: RAW },
  ES384: { hash: "sha384", options: RAW },
  EdDSA: { hash: null, options: {} },
};

/** A key that verifies and never throws; undefined for what is no key. RSA takes about 15 µs, P-256 50 µs, P-384 330 µs. */
export function importTokenKey(jwk: PublicJwk): TokenKeyHandle | undefined {
  const key = keyObjectOf(jwk);
  if (key === undefined) return undefined;
  return {
    verify(algorithm, data, signature) {
      const { hash, options } = SCHEMES[algorithm];
      try {
        return verify(hash, Buffer.from(data, "latin1"), { key, ...options }, signature);
      } catch {
        return false;
      }
    },
  };
}

function keyObjectOf(jwk: PublicJwk): KeyObject | undefined {
  try {
    return createPublicKey({ key: { ...jwk }, format: "jwk" });
  } catch {
    return undefined;
  }
}
