/** Signatures of JSON Web Tokens (RFC 7518 §3, RFC 8037): public keys only. */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import type { PublicJwk, TokenAlgorithm } from "#model";
import { JWS_SCHEMES } from "./jws-schemes.ts";

interface TokenKeyHandle {
  verify(algorithm: TokenAlgorithm, data: string, signature: Uint8Array): boolean;
}

/** A key that verifies and never throws; undefined for what is no key. RSA takes about 15 µs, P-256 50 µs, P-384 330 µs. */
export function importTokenKey(jwk: PublicJwk): TokenKeyHandle | undefined {
  const key = keyObjectOf(jwk);
  if (key === undefined) return undefined;
  return {
    verify(algorithm, data, signature) {
      const { hash, options } = JWS_SCHEMES[algorithm];
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
