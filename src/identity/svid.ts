import { failure, type ProblemCode, problem, type Result, success } from "#model";
import { BUNDLE_AUTHORITIES_MAX, type BundleSet } from "./bundle.ts";
import { type CertificateFacts, parseCertificate } from "./certificate.ts";
import { isRevoked } from "./revocation.ts";
import { parseSpiffeId, type SpiffeId } from "./spiffe-id.ts";

/** What an X.509-SVID is judged by. */
export interface SvidChecks {
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** Bundles of the own and of federated trust domains. */
  readonly bundles: BundleSet;
  /** Whether the authority's key made the leaf's signature and its subject is the leaf's issuer: `isSignedBy` of `#engine/crypto`. */
  readonly isSignedBy: (leafDer: Uint8Array, authorityDer: Uint8Array) => boolean;
  /** How far clocks may differ, milliseconds. Default 0: TLS allows none either, and issuers date back instead. */
  readonly skewMs?: number;
}

const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/** An SVID that was found good, with what is needed to see whether it still is. */
export interface AdmittedSvid {
  readonly id: SpiffeId;
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** The authority that vouched for it, DER. */
  readonly authority: Uint8Array;
}

/**
 * Validates a peer's leaf as X.509-SVID (SPIFFE X.509-SVID §5.2): exactly one URI SAN with a path, not an authority, proper key usages,
 * valid now, signed by an authority of the very trust domain that it claims, and not revoked there.
 * Fails with one of `HDL_IDENTITY_SVID_INVALID`, `…_EXPIRED`, `…_NOT_YET_VALID`, `…_UNTRUSTED`, `…_REVOKED`,
 * `HDL_IDENTITY_TRUST_DOMAIN_UNKNOWN`, `HDL_IDENTITY_SPIFFE_ID_INVALID`.
 */
export function admitX509Svid(leaf: CertificateFacts, checks: SvidChecks): Result<AdmittedSvid> {
  const id = claimedId(leaf);
  if (!id.ok) return id;
  const time = timeFault(leaf, id.value, checks);
  if (time !== undefined) return time;
  const { uri, trustDomain } = id.value;
  const bundle = checks.bundles.get(trustDomain);
  if (bundle === undefined)
    return refuse("HDL_IDENTITY_TRUST_DOMAIN_UNKNOWN", `No authority is trusted for ${trustDomain}.`);
  const { serial, notBeforeMs, notAfterMs } = leaf;
  if (isRevoked({ uri, serial, notBeforeMs }, bundle.revocations))
    return refuse("HDL_IDENTITY_SVID_REVOKED", `This SVID of ${uri} was revoked.`);
  const candidates = bundle.authorities.slice(0, BUNDLE_AUTHORITIES_MAX);
  const authority = candidates.find((each) => vouchesFor(each, leaf, { ...checks, trustDomain }));
  if (authority !== undefined) return success({ id: id.value, serial, notBeforeMs, notAfterMs, authority });
  return refuse("HDL_IDENTITY_SVID_UNTRUSTED", `No valid authority of ${trustDomain} signed ${uri}.`);
}

/** The same, for whoever only asks who it is. */
export function validateX509Svid(leaf: CertificateFacts, checks: SvidChecks): Result<SpiffeId> {
  const admitted = admitX509Svid(leaf, checks);
  return admitted.ok ? success(admitted.value.id) : admitted;
}

/** How an SVID that was found good stands under newer bundles. */
export type SvidStanding =
  | "good"
  /** The authority that vouched for it is none of its domain any more: nothing new by it, as after its end. */
  | "superseded"
  /** It was revoked, or its domain is not trusted any more: nothing by it at all. */
  | "distrusted";

/**
 * Looks again at an SVID that was found good. No signature is looked at again, so a thousand connections can be asked at once. Its dates
 * are for the caller.
 */
export function svidStanding(svid: AdmittedSvid, bundles: BundleSet): SvidStanding {
  const bundle = bundles.get(svid.id.trustDomain);
  if (bundle === undefined) return "distrusted";
  const { id, serial, notBeforeMs, authority } = svid;
  if (isRevoked({ uri: id.uri, serial, notBeforeMs }, bundle.revocations)) return "distrusted";
  const isHeld = bundle.authorities.some((each) => each === authority || isSameOctets(each, authority));
  return isHeld ? "good" : "superseded";
}

/**
 * Validates a signing certificate (SPIFFE X.509-SVID §4): an authority with keyCertSign that is valid now, and whose SPIFFE ID,
 * if it has one, is `spiffe://<its trust domain>` without a path. Does not check who signed it.
 */
export function validateAuthority(
  authority: CertificateFacts,
  check: { readonly trustDomain: string; readonly nowMs: number; readonly skewMs?: number },
): Result<CertificateFacts> {
  const fault = authorityFault(authority, check.trustDomain);
  if (fault !== undefined) return refuse("HDL_IDENTITY_AUTHORITY_INVALID", `The authority cannot sign: ${fault}.`);
  if (!isCurrent(authority, check)) return refuse("HDL_IDENTITY_AUTHORITY_INVALID", "The authority is not valid now.");
  return success(authority);
}

/** Who a leaf says it is, if it may say so at all. */
function claimedId(leaf: CertificateFacts): Result<SpiffeId> {
  const fault = profileFault(leaf);
  if (fault !== undefined)
    return refuse("HDL_IDENTITY_SVID_INVALID", `The certificate is not an X.509-SVID: ${fault}.`);
  const id = parseSpiffeId(leaf.uriSans[0] ?? "");
  if (id.ok && id.value.path === "")
    return refuse("HDL_IDENTITY_SVID_INVALID", `${id.value.uri} names a trust domain, not a workload.`);
  return id;
}

function profileFault(leaf: CertificateFacts): string | undefined {
  if (leaf.uriSans.length !== 1) return `it has ${leaf.uriSans.length} URI names where exactly one belongs`;
  if (leaf.isCa) return "it is an authority";
  if (leaf.unknownCritical.length > 0)
    return `it has critical extensions that are not understood (${leaf.unknownCritical[0]})`;
  if (!leaf.hasSubject && !leaf.sanCritical) return "its subject is empty but its alternative names are not critical";
  return usageFault(leaf);
}

function usageFault({ keyUsage, extendedKeyUsage }: CertificateFacts): string | undefined {
  if (keyUsage === undefined || !keyUsage.critical) return "it has no critical key usage";
  if (keyUsage.keyCertSign || keyUsage.crlSign) return "its key usage is an authority's";
  if (!keyUsage.digitalSignature) return "its key may not sign";
  if (extendedKeyUsage === undefined) return undefined;
  const both = extendedKeyUsage.includes(SERVER_AUTH) && extendedKeyUsage.includes(CLIENT_AUTH);
  return both ? undefined : "its extended key usage is not both server and client authentication";
}

function timeFault(leaf: CertificateFacts, id: SpiffeId, checks: SvidChecks): Result<never> | undefined {
  const skewMs = checks.skewMs ?? 0;
  if (checks.nowMs + skewMs < leaf.notBeforeMs)
    return refuse(
      "HDL_IDENTITY_SVID_NOT_YET_VALID",
      `The SVID of ${id.uri} is valid only from ${iso(leaf.notBeforeMs)}.`,
    );
  if (checks.nowMs - skewMs > leaf.notAfterMs)
    return refuse("HDL_IDENTITY_SVID_EXPIRED", `The SVID of ${id.uri} expired at ${iso(leaf.notAfterMs)}.`);
  return undefined;
}

function vouchesFor(
  authorityDer: Uint8Array,
  leaf: CertificateFacts,
  checks: SvidChecks & { readonly trustDomain: string },
): boolean {
  const authority = parseCertificate(authorityDer);
  if (!authority.ok || authorityFault(authority.value, checks.trustDomain) !== undefined) return false;
  return isCurrent(authority.value, checks) && checks.isSignedBy(leaf.der, authorityDer);
}

function authorityFault(authority: CertificateFacts, trustDomain: string): string | undefined {
  if (!authority.isCa) return "it is not an authority";
  if (authority.keyUsage?.keyCertSign !== true) return "its key may not sign certificates";
  if (!authority.keyUsage.critical) return "its key usage is not critical";
  if (authority.unknownCritical.length > 0) return "it has critical extensions that are not understood";
  if (authority.uriSans.length > 1) return "it has several URI names";
  const [uri] = authority.uriSans;
  if (uri !== undefined && uri !== `spiffe://${trustDomain}`)
    return `it belongs to ${JSON.stringify(uri.slice(0, 120))}`;
  return undefined;
}

function isCurrent(facts: CertificateFacts, at: { readonly nowMs: number; readonly skewMs?: number }): boolean {
  const skewMs = at.skewMs ?? 0;
  return at.nowMs + skewMs >= facts.notBeforeMs && at.nowMs - skewMs <= facts.notAfterMs;
}

function isSameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, index) => octet === b[index]);
}

function iso(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : "an impossible time";
}

function refuse(code: ProblemCode, message: string): Result<never> {
  return failure(problem(code, message));
}
