/** The only door to keys, signatures and digests. Knows nothing of SPIFFE or of files. */
export { isSignedBy } from "./chain.ts";
export { equalConstantTime, hmacSha256, sha1Base64, sha256, sha256Hex } from "./digest.ts";
export {
  encryptUnderPassphrase,
  generateSigningKey,
  importSigningKey,
  publicKeyKind,
  type SigningKey,
  verifySignature,
} from "./keys.ts";
