import {
  createCipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  pbkdf2Sync,
  sign,
  verify,
} from "node:crypto";

/** A P-256 private key in memory. Printing or serialising one shows nothing of it. */
export interface SigningKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeyInfo: Uint8Array;
  /** ECDSA with SHA-256 over the data: the DER sequence of r and s, as X.509 carries it. */
  sign(data: Uint8Array): Uint8Array;
  /** The same as r and s of 32 bytes each: ES256 of JSON Web Signatures (RFC 7518 §3.4). */
  signJws(data: Uint8Array): Uint8Array;
  /** PKCS#8, DER, in the clear: for the TLS stack, or to be encrypted before it is stored. */
  exportPkcs8(): Uint8Array;
}

/** A fresh P-256 key pair from the system's generator. Takes about 20 µs. */
export function generateSigningKey(): SigningKey {
  return signingKeyOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
}

/**
 * A stored P-256 key from PKCS#8 PEM, encrypted (PBES2) when a passphrase is given.
 * `wrong-passphrase` also stands for a damaged encrypted file, which cannot be told apart.
 */
export function importSigningKey(
  pem: string,
  passphrase?: string,
): SigningKey | "passphrase-missing" | "wrong-passphrase" | "not-a-p256-key" {
  const isEncrypted = pem.includes("ENCRYPTED PRIVATE KEY");
  if (isEncrypted && passphrase === undefined) return "passphrase-missing";
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, ...(isEncrypted && passphrase !== undefined ? { passphrase } : {}) });
  } catch {
    return isEncrypted ? "wrong-passphrase" : "not-a-p256-key";
  }
  return curveOf(key) === "prime256v1" ? signingKeyOf(key) : "not-a-p256-key";
}

/** What kind of key a SubjectPublicKeyInfo holds; undefined for one that no certificate may be issued for. */
export function publicKeyKind(publicKeyInfo: Uint8Array): "p256" | "p384" | undefined {
  try {
    const curve = curveOf(createPublicKey({ key: Buffer.from(publicKeyInfo), format: "der", type: "spki" }));
    return curve === "prime256v1" ? "p256" : curve === "secp384r1" ? "p384" : undefined;
  } catch {
    return undefined;
  }
}

/** Whether `signature` (DER, ECDSA) over `data` was made by the key; never throws, whatever the bytes are. */
export function verifySignature(check: {
  readonly publicKeyInfo: Uint8Array;
  readonly hash: "sha256" | "sha384";
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(check.publicKeyInfo), format: "der", type: "spki" });
    return verify(check.hash, check.data, key, check.signature);
  } catch {
    return false;
  }
}

/** PBKDF2-HMAC-SHA-256 and AES-256-CBC: the two steps of PBES2 (RFC 8018 §6.2). 600,000 iterations take about 80 ms. */
export function encryptUnderPassphrase(
  plain: Uint8Array,
  by: { readonly passphrase: string; readonly salt: Uint8Array; readonly iv: Uint8Array; readonly iterations: number },
): Uint8Array {
  const key = pbkdf2Sync(by.passphrase, by.salt, by.iterations, 32, "sha256");
  const cipher = createCipheriv("aes-256-cbc", key, by.iv);
  return Buffer.concat([cipher.update(plain), cipher.final()]);
}

function signingKeyOf(key: KeyObject): SigningKey {
  const publicKeyInfo = createPublicKey(key).export({ type: "spki", format: "der" });
  return {
    publicKeyInfo,
    sign: (data) => sign("sha256", data, key),
    signJws: (data) => sign("sha256", data, { key, dsaEncoding: "ieee-p1363" }),
    exportPkcs8: () => key.export({ type: "pkcs8", format: "der" }),
  };
}

function curveOf(key: KeyObject): string | undefined {
  return key.asymmetricKeyType === "ec" ? key.asymmetricKeyDetails?.namedCurve : undefined;
}
