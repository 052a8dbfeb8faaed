/** How each algorithm of JSON Web Signatures signs (RFC 7518 §3.1, RFC 8037). */
import { constants, type SigningOptions } from "node:crypto";
import type { TokenAlgorithm } from "#model";

/** `hash` is null where the algorithm has its own. */
interface Scheme {
  readonly hash: "sha256" | "sha384" | "sha512" | null;
  readonly options: SigningOptions & { readonly dsaEncoding?: "ieee-p1363" };
}

/** The salt is as long as the hash (RFC 7518 §3.5). */
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
const PKCS1 = { padding: constants.RSA_PKCS1_PADDING };
const RAW = { dsaEncoding: "ieee-p1363" } as const;

export const JWS_SCHEMES: Readonly<Record<TokenAlgorithm | "ES512", Scheme>> = {
  RS256: { hash: "sha256", options: PKCS1 },
  RS384: { hash: "sha384", options: PKCS1 },
  RS512: { hash: "sha512", options: PKCS1 },
  PS256: { hash: "sha256", options: PSS },
  PS384: { hash: "sha384", options: PSS },
  PS512: { hash: "sha512", options: PSS },
  ES256: { hash: "sha256", options: RAW },
  ES384: { hash: "sha384", options: RAW },
  ES512: { hash: "sha512", options: RAW },
  EdDSA: { hash: null, options: {} },
};
