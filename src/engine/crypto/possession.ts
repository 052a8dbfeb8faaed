/** Signatures that prove who holds a certificate's key, of any key that certificates commonly have. */
import { constants, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";

/** A private key of somebody else's making. Printing or serialising one shows nothing of it. */
export interface PossessionKey {
  /** By ECDSA or RSASSA-PSS with SHA-256. */
  sign(data: Uint8Array): Uint8Array;
}

/** Shorter RSA keys can be broken; longer ones take too long to verify with. */
const RSA_BITS = { min: 2048, max: 8192 } as const;
const CURVES: ReadonlySet<string> = new Set(["prime256v1", "secp384r1", "secp521r1"]);

/** An unencrypted PEM key, EC or RSA; undefined for what is none of these. */
export function importPossessionKey(pem: string): PossessionKey | undefined {
  try {
    const key = createPrivateKey(pem);
    return isStrong(key) ? { sign: (data) => sign("sha256", data, schemeOf(key)) } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the key that the SubjectPublicKeyInfo names made the signature. The key alone says by which algorithm; never throws. */
export function verifyPossession(check: {
  readonly publicKeyInfo: Uint8Array;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(check.publicKeyInfo), format: "der", type: "spki" });
    return isStrong(key) && verify("sha256", check.data, schemeOf(key), check.signature);
  } catch {
    return false;
  }
}

function isStrong({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const { namedCurve = "", modulusLength = 0 } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === "ec") return CURVES.has(namedCurve);
  return asymmetricKeyType === "rsa" && modulusLength >= RSA_BITS.min && modulusLength <= RSA_BITS.max;
}

function schemeOf(key: KeyObject) {
  if (key.asymmetricKeyType === "ec") return { key };
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
}
