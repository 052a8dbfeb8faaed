import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { JWS_SCHEMES } from "./jws-schemes.ts";

/** What a key must be for an algorithm: of this curve, or RSA where there is none. */
const CURVES = {
  RS256: undefined,
  RS384: undefined,
  RS512: undefined,
  PS256: undefined,
  PS384: undefined,
  PS512: undefined,
  ES256: "prime256v1",
  ES384: "secp384r1",
  ES512: "secp521r1",
} as const;

type JwsAlgorithm = keyof typeof CURVES;

/** RFC 7518 §3.3. */
const RSA_BITS_MIN = 2048;

/** Whether a JSON Web Signature over `data` was made by the key, by the algorithm; false for one that does not fit the key. Never throws. */
export function verifyJws(check: {
  readonly algorithm: string;
  readonly publicKeyInfo: Uint8Array;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}): boolean {
  const { algorithm, publicKeyInfo, data, signature } = check;
  if (!isKnown(algorithm)) return false;
  const { hash, options } = JWS_SCHEMES[algorithm];
  try {
    const key = createPublicKey({ key: Buffer.from(publicKeyInfo), format: "der", type: "spki" });
    return fits(key, algorithm) && verify(hash, data, { key, ...options }, signature);
  } catch {
    return false;
  }
}

function isKnown(algorithm: string): algorithm is JwsAlgorithm {
  return Object.hasOwn(CURVES, algorithm);
}

function fits({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject, algorithm: JwsAlgorithm): boolean {
  const { namedCurve, modulusLength = 0 } = asymmetricKeyDetails ?? {};
  const curve = CURVES[algorithm];
  if (curve !== undefined) return asymmetricKeyType === "ec" && namedCurve === curve;
  return asymmetricKeyType === "rsa" && modulusLength >= RSA_BITS_MIN;
}

/** A public key as JSON Web Key (RFC 7517): its bare parameters. */
export function jwkOf(publicKeyInfo: Uint8Array): Readonly<Record<string, unknown>> {
  return createPublicKey({ key: Buffer.from(publicKeyInfo), format: "der", type: "spki" }).export({
    format: "jwk",
  }) as Readonly<Record<string, unknown>>;
}

/** SubjectPublicKeyInfo, DER, of a JSON Web Key; undefined for one that is no RSA or EC public key. */
export function publicKeyOfJwk(jwk: Readonly<Record<string, unknown>>): Uint8Array | undefined {
  const { kty, crv, x, y, n, e } = jwk;
  const isKnown = kty === "EC" ? [crv, x, y] : kty === "RSA" ? [n, e] : [];
  if (isKnown.length === 0 || !isKnown.every((each) => typeof each === "string")) return undefined;
  try {
    const bare = kty === "EC" ? { kty, crv, x, y } : { kty, n, e };
    return createPublicKey({ key: bare as Record<string, string>, format: "jwk" }).export({
      type: "spki",
      format: "der",
    });
  } catch {
    return undefined;
  }
}
