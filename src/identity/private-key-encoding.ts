import { der, derObjectId, TAG } from "./der.ts";

/**
 * PKCS#8 EncryptedPrivateKeyInfo (RFC 5958 §3) by PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC (RFC 8018 appendix A), in DER,
 * around a ciphertext made with exactly these parameters. Every common tool reads it.
 */
export function encodeEncryptedPrivateKey(parts: {
  readonly ciphertext: Uint8Array;
  readonly salt: Uint8Array;
  readonly iv: Uint8Array;
  readonly iterations: number;
}): Uint8Array {
  const { iterations } = parts;
  const count = Uint8Array.of(0, iterations >>> 16, (iterations >>> 8) & 0xff, iterations & 0xff);
  const minimal = count.subarray((count[1] ?? 0) >= 0x80 ? 0 : 1);
  const pseudoRandom = der(TAG.sequence, derObjectId("1.2.840.113549.2.9"), NULL);
  const derivation = der(
    TAG.sequence,
    derObjectId("1.2.840.113549.1.5.12"),
    der(TAG.sequence, der(TAG.octetString, parts.salt), der(TAG.integer, minimal), pseudoRandom),
  );
  const cipher = der(TAG.sequence, derObjectId("2.16.840.1.101.3.4.1.42"), der(TAG.octetString, parts.iv));
  const scheme = der(TAG.sequence, derObjectId("1.2.840.113549.1.5.13"), der(TAG.sequence, derivation, cipher));
  return der(TAG.sequence, scheme, der(TAG.octetString, parts.ciphertext));
}

const NULL = Uint8Array.of(0x05, 0x00);
