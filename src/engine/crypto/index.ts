/** The only door to keys, signatures and digests. Knows nothing of SPIFFE or of files. */
export { type AuthorityKey, importAuthorityKey } from "./authority-keys.ts";
export { certificateFault, certificateIn } from "./certificate-files.ts";
export { isSignedBy } from "./chain.ts";
export { equalConstantTime, hmacSha256, sha1Base64, sha256, sha256Hex } from "./digest.ts";
export { jwkOf, publicKeyOfJwk, verifyJws } from "./jws.ts";
export {
  encryptUnderPassphrase,
  generateSigningKey,
  importSigningKey,
  publicKeyKind,
  type SigningKey,
  verifySignature,
} from "./keys.ts";
export { importPossessionKey, type PossessionKey, verifyPossession } from "./possession.ts";
export { importTokenKey } from "./token-keys.ts";
