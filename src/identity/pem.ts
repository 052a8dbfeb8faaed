const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\s+([A-Za-z0-9+/=\s]*?)-----END \1-----/g;

/** PEM (RFC 7468) of one DER value. `label` is such as `CERTIFICATE` or `PRIVATE KEY`. */
export function encodePem(label: string, der: Uint8Array): string {
  let binary = "";
  for (const octet of der) binary += String.fromCharCode(octet);
  const lines = btoa(binary).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** The DER of every block with the given label, in order; text around blocks and malformed blocks are passed over. */
export function decodePem(label: string, pem: string): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const [, blockLabel, body = ""] of pem.matchAll(BLOCK)) {
    if (blockLabel !== label) continue;
    const octets = decodeBase64(body.replaceAll(/\s/g, ""));
    if (octets !== undefined) found.push(octets);
  }
  return found;
}

function decodeBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** The first certificate of a PEM text, DER; empty where there is none, which no certificate is. */
export function firstCertificate(pem: string): Uint8Array {
  return decodePem("CERTIFICATE", pem)[0] ?? new Uint8Array();
}
