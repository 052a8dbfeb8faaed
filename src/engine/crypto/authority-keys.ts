/** Keys of authorities that others made: they sign certificates, by the algorithm that the key has. */
import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";

export interface AuthorityKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeyInfo: Uint8Array;
  /** ECDSA or RSASSA-PKCS1-v1_5 with SHA-256: what every verifier of certificates knows. */
  readonly algorithm: "ecdsa-sha256" | "rsa-sha256";
  sign(data: Uint8Array): Uint8Array;
}

const RSA_BITS_MIN = 2048;
const CURVES: ReadonlySet<string> = new Set(["prime256v1", "secp384r1"]);

/** A PEM key, EC (P-256, P-384) or RSA, encrypted or not; undefined for what is none of these or is not opened by the passphrase. */
export function importAuthorityKey(pem: string, passphrase?: string): AuthorityKey | undefined {
  try {
    const key = createPrivateKey({ key: pem, ...(passphrase === undefined ? {} : { passphrase }) });
    const algorithm = algorithmOf(key);
    if (algorithm === undefined) return undefined;
    const publicKeyInfo = createPublicKey(key).export({ type: "spki", format: "der" });
    return { publicKeyInfo, algorithm, sign: (data) => sign("sha256", data, key) };
  } catch {
    return undefined;
  }
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): AuthorityKey["algorithm"] | undefined {
  const { namedCurve = "", modulusLength = 0 } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === "ec") return CURVES.has(namedCurve) ? "ecdsa-sha256" : undefined;
  return asymmetricKeyType === "rsa" && modulusLength >= RSA_BITS_MIN ? "rsa-sha256" : undefined;
}
