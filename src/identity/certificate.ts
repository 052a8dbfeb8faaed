import { failure, problem, type Result, success } from "#model";
import { DerFault, DerReader, readAscii, readBits, readBoolean, readObjectId, readTime, TAG } from "./der.ts";

/** Bits of keyUsage (RFC 5280 §4.2.1.3) that SPIFFE speaks of. */
export interface KeyUsage {
  readonly digitalSignature: boolean;
  readonly keyCertSign: boolean;
  readonly crlSign: boolean;
  readonly critical: boolean;
}

/** What a certificate says, before anyone believes it. */
export interface CertificateFacts {
  readonly der: Uint8Array;
  /** Lower-case hexadecimal without leading zero octets. */
  readonly serial: string;
  /** Object identifier, dotted, of the algorithm that it is signed by. */
  readonly signatureAlgorithm: string;
  readonly hasSubject: boolean;
  /** Subject, a DER Name. */
  readonly subject: Uint8Array;
  readonly uriSans: readonly string[];
  readonly dnsSans: readonly string[];
  readonly sanCritical: boolean;
  readonly isCa: boolean;
  /** How many authorities may stand below it (RFC 5280 §4.2.1.9); undefined when it does not say. */
  readonly pathLength: number | undefined;
  /** Undefined when the certificate has no keyUsage. */
  readonly keyUsage: KeyUsage | undefined;
  /** Object identifiers, dotted; undefined when there is no extended key usage. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** By which what it signs names it (RFC 5280 §4.2.1.2); undefined when the certificate does not say. */
  readonly subjectKeyId: Uint8Array | undefined;
  /** Dotted identifiers of critical extensions that are not understood here; a certificate with one must be refused. */
  readonly unknownCritical: readonly string[];
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeyInfo: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly notBeforeMs: number;
  /** Milliseconds since the epoch; the certificate is valid up to and including that second. */
  readonly notAfterMs: number;
}

/** Larger certificates are refused unread; ours are under 1 KiB. */
const CERTIFICATE_BYTES_MAX = 16_384;
const EXTENSION_COUNT_MAX = 32;
const NAME_COUNT_MAX = 64;

const OID = {
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  extendedKeyUsage: "2.5.29.37",
} as const;

type Extensions = Omit<
  CertificateFacts,
  "der" | "serial" | "signatureAlgorithm" | "hasSubject" | "subject" | "publicKeyInfo" | "notBeforeMs" | "notAfterMs"
>;

/**
 * Reads one DER certificate (RFC 5280), strictly: no trailing bytes, no repeated extension, bounded size.
 * Says nothing about trust. Fails with `HDL_IDENTITY_CERTIFICATE_MALFORMED`.
 */
export function parseCertificate(bytes: Uint8Array): Result<CertificateFacts> {
  if (bytes.length > CERTIFICATE_BYTES_MAX) return malformed(`it is larger than ${CERTIFICATE_BYTES_MAX} bytes`);
  try {
    return success(readCertificate(bytes));
  } catch (fault) {
    if (fault instanceof DerFault) return malformed(fault.message);
    throw fault;
  }
}

function readCertificate(bytes: Uint8Array): CertificateFacts {
  const outer = new DerReader(bytes);
  const certificate = outer.enter(TAG.sequence);
  outer.end();
  const body = certificate.enter(TAG.sequence);
  const algorithm = certificate.read(TAG.sequence);
  certificate.read(TAG.bitString);
  certificate.end();
  body.read(0xa0);
  const serial = body.read(TAG.integer).content;
  // RFC 5280 §4.1.1.2: what is signed must name the algorithm that it is signed by.
  if (!isSame(body.read(TAG.sequence).encoded, algorithm.encoded)) throw new DerFault("two signature algorithms");
  body.read(TAG.sequence);
  const validity = body.enter(TAG.sequence);
  const notBeforeMs = readTime(validity.readAny());
  const notAfterMs = readTime(validity.readAny());
  validity.end();
  const subject = body.read(TAG.sequence);
  const publicKeyInfo = body.read(TAG.sequence).encoded;
  body.readIf(0x81);
  body.readIf(0x82);
  const extensions = body.readIf(0xa3);
  body.end();
  return {
    der: bytes,
    serial: hexOf(serial),
    signatureAlgorithm: readObjectId(new DerReader(algorithm.content).read(TAG.objectId).content),
    hasSubject: subject.content.length > 0,
    subject: subject.encoded,
    publicKeyInfo,
    notBeforeMs,
    notAfterMs,
    ...readExtensions(extensions?.content),
  };
}

interface Extension {
  readonly critical: boolean;
  readonly value: Uint8Array;
}

function readExtensions(content: Uint8Array | undefined): Extensions {
  const found = new Map<string, Extension>();
  if (content !== undefined) readExtensionList(content, found);
  const keyUsage = found.get(OID.keyUsage);
  const extendedKeyUsage = found.get(OID.extendedKeyUsage);
  const names = found.get(OID.subjectAltName);
  const known: readonly string[] = Object.values(OID);
  return {
    ...readNames(names?.value),
    sanCritical: names?.critical ?? false,
    ...readConstraints(found.get(OID.basicConstraints)?.value),
    keyUsage: keyUsage === undefined ? undefined : readKeyUsage(keyUsage),
    extendedKeyUsage: extendedKeyUsage === undefined ? undefined : readObjectIds(extendedKeyUsage.value),
    subjectKeyId: readKeyId(found.get(OID.subjectKeyId)?.value),
    unknownCritical: [...found].filter(([id, each]) => each.critical && !known.includes(id)).map(([id]) => id),
  };
}

function readExtensionList(content: Uint8Array, found: Map<string, Extension>): void {
  const outer = new DerReader(content);
  const list = outer.enter(TAG.sequence);
  outer.end();
  while (!list.done) {
    const entry = list.enter(TAG.sequence);
    const id = readObjectId(entry.read(TAG.objectId).content);
    const flag = entry.readIf(TAG.boolean);
    const value = entry.read(TAG.octetString).content;
    entry.end();
    if (found.has(id)) throw new DerFault(`extension ${id} twice`);
    if (found.size === EXTENSION_COUNT_MAX) throw new DerFault("too many extensions");
    found.set(id, { critical: flag !== undefined && readBoolean(flag.content), value });
  }
}

function readNames(value: Uint8Array | undefined): Pick<CertificateFacts, "uriSans" | "dnsSans"> {
  const uriSans: string[] = [];
  const dnsSans: string[] = [];
  if (value === undefined) return { uriSans, dnsSans };
  const outer = new DerReader(value);
  const names = outer.enter(TAG.sequence);
  outer.end();
  for (let count = 0; !names.done; count++) {
    if (count === NAME_COUNT_MAX) throw new DerFault("too many names");
    const name = names.readAny();
    if (name.tag === 0x86) uriSans.push(readAscii(name.content));
    if (name.tag === 0x82) dnsSans.push(readAscii(name.content));
  }
  return { uriSans, dnsSans };
}

function readKeyId(value: Uint8Array | undefined): Uint8Array | undefined {
  return value === undefined ? undefined : new DerReader(value).read(TAG.octetString).content;
}

function readConstraints(value: Uint8Array | undefined): Pick<CertificateFacts, "isCa" | "pathLength"> {
  if (value === undefined) return { isCa: false, pathLength: undefined };
  const constraints = new DerReader(value).enter(TAG.sequence);
  const flag = constraints.readIf(TAG.boolean);
  const length = constraints.readIf(TAG.integer)?.content;
  // One octet holds more than any chain that is looked at; a longer number bounds nothing.
  const pathLength = length?.length === 1 ? length[0] : undefined;
  return { isCa: flag !== undefined && readBoolean(flag.content), pathLength };
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((octet, index) => octet === other[index]);
}

function readKeyUsage(extension: Extension): KeyUsage {
  const first = readBits(new DerReader(extension.value).read(TAG.bitString).content, false)[0] ?? 0;
  return {
    digitalSignature: (first & 0x80) !== 0,
    keyCertSign: (first & 0x04) !== 0,
    crlSign: (first & 0x02) !== 0,
    critical: extension.critical,
  };
}

function readObjectIds(value: Uint8Array): readonly string[] {
  const list = new DerReader(value).enter(TAG.sequence);
  const ids: string[] = [];
  while (!list.done && ids.length < NAME_COUNT_MAX) ids.push(readObjectId(list.read(TAG.objectId).content));
  return ids;
}

function hexOf(octets: Uint8Array): string {
  let hex = "";
  for (const octet of octets) hex += octet.toString(16).padStart(2, "0");
  return hex.replace(/^(?:00)+(?=..)/, "");
}

function malformed(why: string): Result<never> {
  return failure(problem("HDL_IDENTITY_CERTIFICATE_MALFORMED", `The certificate cannot be read: ${why}.`));
}
