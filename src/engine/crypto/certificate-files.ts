import { createPrivateKey, X509Certificate } from "node:crypto";

/** Why a certificate and its key cannot be shown to anybody, as the end of a sentence; undefined when they can. */
export function certificateFault(
  { certificateChainPem, privateKeyPem }: { readonly certificateChainPem: string; readonly privateKeyPem: string },
  nowMs: number,
): string | undefined {
  const leaf = certificateIn(certificateChainPem);
  if (leaf === undefined) return "the certificate is not one in PEM";
  if (Date.parse(leaf.validTo) <= nowMs) return `the certificate expired on ${new Date(leaf.validTo).toISOString()}`;
  try {
    return leaf.checkPrivateKey(createPrivateKey(privateKeyPem)) ? undefined : "the key is not the certificate's";
  } catch {
    return "the key is not an unencrypted one in PEM";
  }
}

/** The first certificate of a PEM text, or undefined. */
export function certificateIn(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
