import { X509Certificate } from "node:crypto";

/** Certificates are parsed once: an authority is asked about every connection. Entries go with their bytes. */
const parsed = new WeakMap<Uint8Array, X509Certificate>();

/**
 * Whether the authority's key signed the leaf and its subject is the leaf's issuer. Says nothing about times, names or usages.
 * False, never an exception, for bytes that are no certificate. About 0.1 ms.
 */
export function isSignedBy(leafDer: Uint8Array, authorityDer: Uint8Array): boolean {
  try {
    const authority = certificateOf(authorityDer);
    const leaf = new X509Certificate(leafDer);
    return leaf.checkIssued(authority) && leaf.verify(authority.publicKey);
  } catch {
    return false;
  }
}

function certificateOf(der: Uint8Array): X509Certificate {
  const held = parsed.get(der);
  if (held !== undefined) return held;
  const certificate = new X509Certificate(der);
  parsed.set(der, certificate);
  return certificate;
}
