/**
 * Who a workload is: SPIFFE IDs, trust domains, bundles, and the checks that make a certificate an identity.
 * Pure: bytes and times come in, verdicts go out; keys and signatures belong to `#engine/crypto` and `#identity/authority`.
 */
export { BUNDLE_AUTHORITIES_MAX, type Bundle, type BundleSet, bundleSet, type TlsIdentity } from "./bundle.ts";
export { type CertificateFacts, type KeyUsage, parseCertificate } from "./certificate.ts";
export { decodePem, encodePem } from "./pem.ts";
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
export { type SvidChecks, validateAuthority, validateX509Svid } from "./svid.ts";
