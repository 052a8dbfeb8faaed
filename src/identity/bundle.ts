import { decodePem } from "./pem.ts";
import type { SpiffeId, TrustDomain } from "./spiffe-id.ts";

/**
 * What vouches for one trust domain. Bundles of different domains are never merged (SPIFFE Trust Domain and Bundle §3):
 * a leaf is checked against the authorities of the domain that it claims, and against no other.
 */
export interface Bundle {
  readonly trustDomain: TrustDomain;
  /** Certificates in DER: the issuing authorities and the root, at most `BUNDLE_AUTHORITIES_MAX`. */
  readonly authorities: readonly Uint8Array[];
  /** Grows with every change of the bundle. */
  readonly sequence: number;
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
