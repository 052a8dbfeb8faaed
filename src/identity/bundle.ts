import { parseCertificate } from "./certificate.ts";
import type { JwtAuthority } from "./jwt-svid.ts";
import { decodePem, encodePem, firstCertificate } from "./pem.ts";
import type { Revocation } from "./revocation.ts";
import type { SpiffeId, TrustDomain } from "./spiffe-id.ts";

/**
 * What vouches for one trust domain. Bundles of different domains are never merged (SPIFFE Trust Domain and Bundle §3):
 * a leaf is checked against the authorities of the domain that it claims, and against no other.
 */
export interface Bundle {
  readonly trustDomain: TrustDomain;
  /**
   * Certificates in DER, at most `BUNDLE_AUTHORITIES_MAX`: the issuing authority that signs now first, others that vouch, roots last.
   */
  readonly authorities: readonly Uint8Array[];
  /** Grows with every change of the bundle. */
  readonly sequence: number;
  /** What is refused although an authority signed it, at most `REVOCATIONS_MAX`. */
  readonly revocations?: readonly Revocation[];
  /** Keys that JWT-SVIDs are signed by, at most `JWT_AUTHORITIES_MAX`. */
  readonly jwtAuthorities?: readonly JwtAuthority[];
}

/** Bundles by the trust domain that each vouches for. */
export type BundleSet = ReadonlyMap<TrustDomain, Bundle>;

/** Bounds the signature checks that one hostile handshake can cause. */
export const BUNDLE_AUTHORITIES_MAX = 16;

/** What an agent serves and dials with. Plain data; `privateKeyPem` is secret and must never be logged. */
export interface TlsIdentity {
  readonly spiffeId: SpiffeId;
  /** PEM, leaf first, then the issuing authority; without the root. */
  readonly certificateChainPem: string;
  /** PKCS#8 PEM, not encrypted. */
  readonly privateKeyPem: string;
  /** PEM of each authority of the identity's own trust domain. */
  readonly authoritiesPem: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notBeforeMs: number;
  /** Milliseconds since the epoch. */
  readonly notAfterMs: number;
}

/** Indexes bundles by trust domain; of two for one domain the one with the higher sequence holds. */
export function bundleSet(bundles: readonly Bundle[]): BundleSet {
  const set = new Map<TrustDomain, Bundle>();
  for (const bundle of bundles) {
    const held = set.get(bundle.trustDomain);
    if (held === undefined || held.sequence < bundle.sequence) set.set(bundle.trustDomain, bundle);
  }
  return set;
}

/** What came with an identity to vouch for its own trust domain; the sequence is 0, so that a bundle from the server replaces it. */
export function ownBundle(identity: Pick<TlsIdentity, "spiffeId" | "authoritiesPem">): Bundle {
  const authorities = identity.authoritiesPem.flatMap((pem) => decodePem("CERTIFICATE", pem));
  return { trustDomain: identity.spiffeId.trustDomain, authorities, sequence: 0 };
}

/** Serial of an identity's leaf, as `CertificateFacts.serial`; empty for what is no certificate. */
export function svidSerial({ certificateChainPem }: Pick<TlsIdentity, "certificateChainPem">): string {
  const leaf = parseCertificate(firstCertificate(certificateChainPem));
  return leaf.ok ? leaf.value.serial : "";
}

/** Whether another authority than the one that issued an identity signs now: a newer SVID is there to be had. */
export function isIssuerRetired({ certificateChainPem }: TlsIdentity, bundle: Bundle): boolean {
  const [, issuer] = decodePem("CERTIFICATE", certificateChainPem);
  const [signing] = bundle.authorities;
  if (issuer === undefined || signing === undefined) return false;
  return encodePem("CERTIFICATE", issuer) !== encodePem("CERTIFICATE", signing);
}

const pems = new WeakMap<Bundle, readonly string[]>();

/** The authorities of bundles as TLS libraries take them. What a bundle was turned into once is the same array again. */
export function authoritiesPem(bundle: Bundle | undefined): readonly string[] {
  if (bundle === undefined) return [];
  const held = pems.get(bundle) ?? bundle.authorities.map((der) => encodePem("CERTIFICATE", der));
  pems.set(bundle, held);
  return held;
}
