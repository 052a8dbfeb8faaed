import { der, derObjectId, TAG } from "./der.ts";

/** What one certificate is to say. Names are given in full: nothing is taken from whoever asks for it. */
export interface CertificateTemplate {
  /** 1 to 20 octets, unsigned; random, so that signatures cannot be foreseen (CA/B baseline §7.1). */
  readonly serial: Uint8Array;
  /** DER where it is of somebody else's making: it must be the same to the octet. */
  readonly issuer: DistinguishedName | Uint8Array;
  readonly subject: DistinguishedName;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SubjectPublicKeyInfo of the subject, DER. */
  readonly publicKeyInfo: Uint8Array;
  /** Identifies the subject's key: 20 octets, such as the first of its SHA-256 (RFC 7093 §2). */
  readonly subjectKeyId: Uint8Array;
  readonly authorityKeyId: Uint8Array;
  /** `leaf` may authenticate to servers and clients; `authority` may sign certificates, below it as many levels as said. */
  readonly role: { readonly kind: "leaf" } | { readonly kind: "authority"; readonly pathLength: number };
  /** The one URI SAN: a SPIFFE ID. */
  readonly uri: string;
  readonly dnsNames: readonly string[];
}

/** Each value may be empty, which leaves it out. */
export interface DistinguishedName {
  readonly organization: string;
  readonly commonName: string;
}

const ALGORITHMS = {
  "ecdsa-sha256": der(TAG.sequence, derObjectId("1.2.840.10045.4.3.2")),
  /** RFC 4055 §5: with NULL as parameters. */
  "rsa-sha256": der(TAG.sequence, derObjectId("1.2.840.113549.1.1.11"), Uint8Array.of(0x05, 0x00)),
} as const;
export type SignatureAlgorithm = keyof typeof ALGORITHMS;

const VERSION_3 = Uint8Array.of(0xa0, 0x03, 0x02, 0x01, 0x02);
const TRUE = Uint8Array.of(TAG.boolean, 0x01, 0xff);
/** UTCTime ends with 2049 (RFC 5280 §4.1.2.5). */
const GENERALIZED_FROM_MS = Date.UTC(2050, 0, 1);

/** An X.509 version 3 certificate (RFC 5280) in DER, profiled as SPIFFE X.509-SVID §4 demands; `sign` makes signatures of the algorithm. */
export function encodeCertificate(
  template: CertificateTemplate,
  sign: (data: Uint8Array) => Uint8Array,
  by: SignatureAlgorithm = "ecdsa-sha256",
): Uint8Array {
  const algorithm = ALGORITHMS[by];
  const body = der(
    TAG.sequence,
    VERSION_3,
    unsigned(template.serial),
    algorithm,
    template.issuer instanceof Uint8Array ? template.issuer : encodeName(template.issuer),
    der(TAG.sequence, time(template.notBeforeMs), time(template.notAfterMs)),
    encodeName(template.subject),
    template.publicKeyInfo,
    der(0xa3, der(TAG.sequence, ...extensions(template))),
  );
  return der(TAG.sequence, body, algorithm, der(TAG.bitString, Uint8Array.of(0), sign(body)));
}

function extensions(template: CertificateTemplate): readonly Uint8Array[] {
  const { role } = template;
  const names = [der(0x86, ascii(template.uri)), ...template.dnsNames.map((each) => der(0x82, ascii(each)))];
  const hasSubject = template.subject.commonName !== "" || template.subject.organization !== "";
  const usages = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"].map(derObjectId);
  return [
    extension("2.5.29.19", true, role.kind === "leaf" ? der(TAG.sequence) : authorityConstraints(role.pathLength)),
    extension("2.5.29.15", true, keyUsage(role.kind)),
    ...(role.kind === "leaf" ? [extension("2.5.29.37", false, der(TAG.sequence, ...usages))] : []),
    extension("2.5.29.14", false, der(TAG.octetString, template.subjectKeyId)),
    extension("2.5.29.35", false, der(TAG.sequence, der(0x80, template.authorityKeyId))),
    extension("2.5.29.17", !hasSubject, der(TAG.sequence, ...names)),
  ];
}

/** What an authority's certificate must say beside its key: RFC 5280 §4.2.1.9, §4.2.1.3 and §4.2.1.6. */
export function authorityExtensions({ uri, pathLength }: { readonly uri: string; readonly pathLength: number }) {
  return [
    extension("2.5.29.19", true, authorityConstraints(pathLength)),
    extension("2.5.29.15", true, keyUsage("authority")),
    extension("2.5.29.17", false, der(TAG.sequence, der(0x86, ascii(uri)))),
  ];
}

function extension(id: string, isCritical: boolean, value: Uint8Array): Uint8Array {
  const flag = isCritical ? [TRUE] : [];
  return der(TAG.sequence, derObjectId(id), ...flag, der(TAG.octetString, value));
}

function authorityConstraints(pathLength: number): Uint8Array {
  return der(TAG.sequence, TRUE, der(TAG.integer, Uint8Array.of(pathLength)));
}

/** digitalSignature for leaves; keyCertSign and cRLSign for authorities. The first octet counts unused bits. */
function keyUsage(kind: "leaf" | "authority"): Uint8Array {
  return der(TAG.bitString, kind === "leaf" ? Uint8Array.of(7, 0x80) : Uint8Array.of(1, 0x06));
}

/** An X.501 Name, DER. */
export function encodeName(from: DistinguishedName): Uint8Array {
  const attribute = (id: string, value: string): readonly Uint8Array[] =>
    value === ""
      ? []
      : [der(TAG.set, der(TAG.sequence, derObjectId(id), der(TAG.utf8String, new TextEncoder().encode(value))))];
  return der(TAG.sequence, ...attribute("2.5.4.10", from.organization), ...attribute("2.5.4.3", from.commonName));
}

function time(ms: number): Uint8Array {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return ms < GENERALIZED_FROM_MS ? der(TAG.utcTime, ascii(digits.slice(2))) : der(TAG.generalizedTime, ascii(digits));
}

/** INTEGER of a positive number: minimal octets, and none that would read as a sign. */
function unsigned(octets: Uint8Array): Uint8Array {
  const first = octets.findIndex((octet) => octet !== 0);
  const minimal = first < 0 ? Uint8Array.of(0) : octets.subarray(first);
  return (minimal[0] ?? 0) >= 0x80 ? der(TAG.integer, Uint8Array.of(0), minimal) : der(TAG.integer, minimal);
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
