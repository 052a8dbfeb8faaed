import { constants, createPublicKey, type KeyObject, verify } from "node:crypto";

interface Algorithm {
  readonly kty: "rsa" | "ec";
  readonly hash: string;
  /** Curve of an EC key. */
  readonly curve?: string;
  readonly isPss?: boolean;
}

/** RFC 7518 §3.1: the asymmetric ones. */
const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  RS256: { kty: "rsa", hash: "sha256" },
  RS384: { kty: "rsa", hash: "sha384" },
  RS512: { kty: "rsa", hash: "sha512" },
  PS256: { kty: "rsa", hash: "sha256", isPss: true },
  PS384: { kty: "rsa", hash: "sha384", isPss: true },
  PS512: { kty: "rsa", hash: "sha512", isPss: true },
  ES256: { kty: "ec", hash: "sha256", curve: "prime256v1" },
  ES384: { kty: "ec", hash: "sha384", curve: "secp384r1" },
  ES512: { kty: "ec", hash: "sha512", curve: "secp521r1" },
};
/** RFC 7518 §3.3. */
const RSA_BITS_MIN = 2048;

/** Whether a JSON Web Signature over `data` was made by the key, by the algorithm; false for one that does not fit the key. Never throws. */
export function verifyJws(check: {
  readonly algorithm: string;
  readonly publicKeyInfo: Uint8Array;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}): boolean {
  const algorithm = Object.hasOwn(ALGORITHMS, check.algorithm) ? ALGORITHMS[check.algorithm] : undefined;
  if (algorithm === undefined) return false;
  try {
    const key = createPublicKey({ key: Buffer.from(check.publicKeyInfo), format: "der", type: "spki" });
    return fits(key, algorithm) && verify(algorithm.hash, check.data, optionsOf(key, algorithm), check.signature);
  } catch {
    return false;
  }
}

function fits(key: KeyObject, { kty, curve }: Algorithm): boolean {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType !== kty) return false;
  return kty === "ec" ? namedCurve === curve : modulusLength >= RSA_BITS_MIN;
}

function optionsOf(key: KeyObject, { kty, isPss }: Algorithm) {
  if (kty === "ec") return { key, dsaEncoding: "ieee-p1363" as const };
  const { RSA_PKCS1_PSS_PADDING: pss, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  return isPss === true ? { key, padding: pss, saltLength } : { key };
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
