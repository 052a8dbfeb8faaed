import { publicKeyKind, type SigningKey, sha256, verifySignature } from "#engine/crypto";
import {
  type CertificateTemplate,
  type DistinguishedName,
  encodeCertificate,
  parseCertificationRequest,
  type SpiffeId,
  svidDnsName,
  type TrustDomain,
} from "#identity";
import { failure, problem, type Result, success } from "#model";

/** Who signs: a key and the names that its certificate bears. */
export interface Signer {
  readonly key: SigningKey;
  readonly name: DistinguishedName;
  /** How its certificate names its key; absent where that is by our own rule. */
  readonly keyId?: Uint8Array | undefined;
}

/** RFC 5280 appendix A, ub-organization-name. */
const ORGANIZATION_LENGTH_MAX = 64;

/** The name of an authority of a domain. */
export function authorityName(trustDomain: TrustDomain, what: string): DistinguishedName {
  return { organization: trustDomain.slice(0, ORGANIZATION_LENGTH_MAX), commonName: `Heddle ${what}` };
}

export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** An SVID as issued. */
export interface IssuedSvid {
  readonly spiffeId: SpiffeId;
  /** DER, leaf first, then the issuing authority, then those between it and the root, which is left out. */
  readonly chain: readonly [Uint8Array, Uint8Array, ...Uint8Array[]];
  /** Id of the issuing key. */
  readonly issuer: string;
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** What an SVID is issued for. */
export interface SvidGrantTerms {
  readonly spiffeId: SpiffeId;
  readonly ttlMs: number;
  /** The server's own: by the oldest key that is still trusted, so that whoever missed the newest can reach it. */
  readonly isOwn?: boolean;
}

/** Shortest and longest life of an SVID, milliseconds. */
export const SVID_TTL_MS = { min: 5000, max: 7 * 86_400_000 } as const;

/** The public key of a request that proves possession of a strong key. Every name in the request is passed over. */
export function provenKey(csrDer: Uint8Array): Result<Uint8Array> {
  const request = parseCertificationRequest(csrDer);
  if (!request.ok) return request;
  const { publicKeyInfo } = request.value;
  if (publicKeyKind(publicKeyInfo) === undefined)
    return failure(problem("HDL_AUTHORITY_KEY_WEAK", "The request's key is neither P-256 nor P-384."));
  if (!verifySignature({ ...request.value, data: request.value.signedBytes }))
    return failure(problem("HDL_AUTHORITY_POSSESSION_UNPROVEN", "The request is not signed by the key that it names."));
  return success(publicKeyInfo);
}

/** A leaf by the SPIFFE X.509-SVID standard: empty subject, the URI and the name to dial by, both authentications, no authority. */
export function encodeSvid(
  signer: Signer,
  leaf: { readonly id: SpiffeId; readonly publicKeyInfo: Uint8Array; readonly serial: Uint8Array } & Validity,
): Uint8Array {
  const { id, ...rest } = leaf;
  const subject = { organization: "", commonName: "" };
  const names = { uri: id.uri, dnsNames: [svidDnsName(id)] };
  return sign(signer, { ...rest, ...names, subject, role: { kind: "leaf" } });
}

/** A signing certificate of a trust domain; the root signs itself. No name constraints: some TLS stacks refuse URI constraints. */
export function encodeAuthority(
  signer: Signer,
  authority: {
    readonly subject: DistinguishedName;
    readonly uri: string;
    readonly publicKeyInfo: Uint8Array;
    readonly serial: Uint8Array;
    readonly pathLength: number;
  } & Validity,
): Uint8Array {
  const { pathLength, ...rest } = authority;
  return sign(signer, { ...rest, dnsNames: [], role: { kind: "authority", pathLength } });
}

function sign(
  signer: Signer,
  template: Omit<CertificateTemplate, "issuer" | "subjectKeyId" | "authorityKeyId">,
): Uint8Array {
  const authorityKeyId = signer.keyId ?? keyId(signer.key.publicKeyInfo);
  const ids = { subjectKeyId: keyId(template.publicKeyInfo), authorityKeyId };
  return encodeCertificate({ ...template, ...ids, issuer: signer.name }, signer.key.sign);
}

/** RFC 7093 §2, method 4, with SHA-256. */
function keyId(publicKeyInfo: Uint8Array): Uint8Array {
  return sha256(publicKeyInfo).subarray(0, 20);
}
