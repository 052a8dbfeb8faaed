/**
 * Who a workload is: SPIFFE IDs, trust domains, bundles, and the checks that make a certificate an identity.
 * Pure: bytes and times come in, verdicts and encodings go out; keys belong to `#engine/crypto`, and who may get a certificate
 * is decided by `#identity/authority`.
 */
export {
  authoritiesPem,
  BUNDLE_AUTHORITIES_MAX,
  type Bundle,
  type BundleSet,
  bundleSet,
  isIssuerRetired,
  ownBundle,
  svidSerial,
  type TlsIdentity,
} from "./bundle.ts";
export {
  BUNDLE_DOCUMENT_LENGTH_MAX,
  encodeBundleDocument,
  encodeJwtKeySet,
  parseBundleDocument,
  type ReadBundle,
} from "./bundle-document.ts";
export { type CertificateFacts, type KeyUsage, parseCertificate } from "./certificate.ts";
export {
  type CertificateTemplate,
  type DistinguishedName,
  encodeCertificate,
  type SignatureAlgorithm,
} from "./certificate-encoding.ts";
export { type PathChecks, pathFault } from "./certificate-path.ts";
export { parseSubject, type SubjectNames } from "./certificate-subject.ts";
export {
  type CertificationRequest,
  encodeCertificationRequest,
  parseCertificationRequest,
  type RequestedAuthority,
} from "./certification-request.ts";
export {
  audienceFault,
  JWT_AUTHORITIES_MAX,
  type JwtAuthority,
  jwtSvidInput,
  type ValidJwtSvid,
  validateJwtSvid,
} from "./jwt-svid.ts";
export { decodePem, encodePem, firstCertificate } from "./pem.ts";
export { encodeEncryptedPrivateKey } from "./private-key-encoding.ts";
export { BACKDATE_MS, plainSerial, REVOCATIONS_MAX, type Revocation } from "./revocation.ts";
export {
  namespaceOf,
  parseSpiffeId,
  parseTrustDomain,
  principalOf,
  type SpiffeId,
  serverSpiffeId,
  serviceAccountOf,
  svidDnsName,
  type TrustDomain,
  trustDomainId,
  workloadSpiffeId,
} from "./spiffe-id.ts";
export {
  type AdmittedSvid,
  admitX509Svid,
  type SvidChecks,
  type SvidStanding,
  svidStanding,
  validateAuthority,
  validateX509Svid,
} from "./svid.ts";
