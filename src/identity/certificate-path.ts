/** Chains of certificates that are no SVIDs: whether one leads to an authority that was pinned (RFC 5280 §6, the part that pinning needs). */
import type { CertificateFacts } from "./certificate.ts";

export interface PathChecks {
  /** The authorities that are believed. None vouches for itself: each must be signed for or pinned. */
  readonly anchors: readonly CertificateFacts[];
  /** Authorities that came with the leaf; nothing in them is believed. */
  readonly intermediates: readonly CertificateFacts[];
  readonly nowMs: number;
  /** Whether the authority's key made the signature and its subject is the issuer: `isSignedBy` of `#engine/crypto`. */
  readonly isSignedBy: (der: Uint8Array, authorityDer: Uint8Array) => boolean;
}

/** What is signed below an anchor: ECDSA, RSA and RSA-PSS with SHA-2, Ed25519. SHA-1 and MD5 can be forged. */
const ALGORITHMS: ReadonlySet<string> = new Set([
  "1.2.840.10045.4.3.2",
  "1.2.840.10045.4.3.3",
  "1.2.840.10045.4.3.4",
  "1.2.840.113549.1.1.10",
  "1.2.840.113549.1.1.11",
  "1.2.840.113549.1.1.12",
  "1.2.840.113549.1.1.13",
  "1.3.101.112",
]);
/** Authorities between a leaf and its anchor. */
const DEPTH_MAX = 6;

/** Why the leaf is vouched for by no anchor, as the end of a sentence; undefined when it is. Says nothing about what it may be used for. */
export function pathFault(leaf: CertificateFacts, checks: PathChecks): string | undefined {
  if (leaf.isCa) return "it is an authority";
  let below = leaf;
  const passed = new Set<CertificateFacts>();
  for (let depth = 0; depth <= DEPTH_MAX; depth++) {
    const fault = faultIn(below, checks.nowMs);
    if (fault !== undefined) return fault;
    const { isSignedBy } = checks;
    const vouches = (each: CertificateFacts): boolean =>
      mayVouch(each, depth) && isCurrent(each, checks.nowMs) && isSignedBy(below.der, each.der);
    if (checks.anchors.some(vouches)) return undefined;
    const next = checks.intermediates.find((each) => !passed.has(each) && vouches(each));
    if (next === undefined) return "no authority that is known signed it or what signed it";
    passed.add(next);
    below = next;
  }
  return "its chain is too long";
}

function faultIn(certificate: CertificateFacts, nowMs: number): string | undefined {
  if (!ALGORITHMS.has(certificate.signatureAlgorithm)) return "it is signed in a way that is not accepted";
  const [unknown] = certificate.unknownCritical;
  if (unknown !== undefined) return `it has critical extensions that are not understood (${unknown})`;
  if (nowMs < certificate.notBeforeMs) return "it is not valid yet";
  return nowMs > certificate.notAfterMs ? "it has expired" : undefined;
}

function mayVouch(
  { isCa, keyUsage, pathLength, unknownCritical }: CertificateFacts,
  authoritiesBelow: number,
): boolean {
  return (
    isCa &&
    unknownCritical.length === 0 &&
    (keyUsage?.keyCertSign ?? true) &&
    (pathLength === undefined || authoritiesBelow <= pathLength)
  );
}

function isCurrent({ notBeforeMs, notAfterMs }: CertificateFacts, nowMs: number): boolean {
  return nowMs >= notBeforeMs && nowMs <= notAfterMs;
}
