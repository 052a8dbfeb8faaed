import { DNS_LABEL, failure, problem, type Result, success } from "#model";

declare const trustDomainBrand: unique symbol;

/** A validated trust domain name: lower-case letters, digits, `.`, `-` and `_`, at most 255. Made only by `parseTrustDomain`. */
export type TrustDomain = string & { readonly [trustDomainBrand]: true };

/** A parsed SPIFFE ID (SPIFFE-ID §2). `path` begins with `/`, or is empty when the ID names a whole trust domain. */
export interface SpiffeId {
  readonly trustDomain: TrustDomain;
  readonly path: string;
  /** The whole ID as it stands in a certificate, at most 2048 bytes. Two IDs are equal exactly if their URIs are. */
  readonly uri: string;
}

const SCHEME = "spiffe://";
const URI_BYTES_MAX = 2048;
const DNS_NAME_BYTES_MAX = 253;
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const PATH_SEGMENT = /^[A-Za-z0-9._-]+$/;
const WORKLOAD_PATH = /^\/ns\/([^/]+)\/sa\/([^/]+)$/;
/** Namespace and service account that the server itself runs as; no join token can be made for them. */
const SERVER_NAMESPACE = "heddle-system";
const SERVER_ACCOUNT = "heddle-server";

/** Parses a trust domain name without scheme. Fails with `HDL_IDENTITY_TRUST_DOMAIN_INVALID`. Source: SPIFFE-ID §2.1. */
export function parseTrustDomain(text: string): Result<TrustDomain> {
  if (TRUST_DOMAIN.test(text)) return success(text as TrustDomain);
  return failure(problem("HDL_IDENTITY_TRUST_DOMAIN_INVALID", `${quote(text)} is not a trust domain name.`));
}

/**
 * Parses `spiffe://<trust domain>[/<path>]`: at most 2048 bytes, no port, user, query, fragment or percent-encoding, no empty,
 * `.` or `..` segment. Fails with `HDL_IDENTITY_SPIFFE_ID_INVALID`. Source: SPIFFE-ID §2.
 */
export function parseSpiffeId(text: string): Result<SpiffeId> {
  if (text.length > URI_BYTES_MAX) return invalid(text, `it is longer than ${URI_BYTES_MAX} bytes`);
  if (!text.startsWith(SCHEME)) return invalid(text, `it does not begin with ${SCHEME}`);
  const slash = text.indexOf("/", SCHEME.length);
  const name = slash < 0 ? text.slice(SCHEME.length) : text.slice(SCHEME.length, slash);
  const path = slash < 0 ? "" : text.slice(slash);
  if (!TRUST_DOMAIN.test(name)) return invalid(text, "its trust domain is malformed");
  if (path !== "" && !path.slice(1).split("/").every(isPathSegment)) return invalid(text, "its path is malformed");
  return success({ trustDomain: name as TrustDomain, path, uri: text });
}

/**
 * `spiffe://<td>/ns/<namespace>/sa/<service account>`, the form that Istio uses too.
 * Both names must be RFC 1123 labels; the resources were validated before, so anything else is a broken invariant and throws.
 */
export function workloadSpiffeId(trustDomain: TrustDomain, namespace: string, serviceAccount: string): SpiffeId {
  if (!DNS_LABEL.test(namespace) || !DNS_LABEL.test(serviceAccount))
    throw new RangeError(`Not a workload's name: ${quote(namespace)}/${quote(serviceAccount)}`);
  const path = `/ns/${namespace}/sa/${serviceAccount}`;
  return { trustDomain, path, uri: `${SCHEME}${trustDomain}${path}` };
}

/** The identity of the Heddle server of a trust domain: `spiffe://<td>/ns/heddle-system/sa/heddle-server`. */
export function serverSpiffeId(trustDomain: TrustDomain): SpiffeId {
  return workloadSpiffeId(trustDomain, SERVER_NAMESPACE, SERVER_ACCOUNT);
}

/** The ID of a trust domain itself, as its signing certificates bear it: `spiffe://<td>`. */
export function trustDomainId(trustDomain: TrustDomain): SpiffeId {
  return { trustDomain, path: "", uri: `${SCHEME}${trustDomain}` };
}

/** The ID without its scheme, as `principals` of an AuthorizationPolicy spell it: `<td>/ns/<ns>/sa/<sa>`. */
export function principalOf(id: SpiffeId): string {
  return id.uri.slice(SCHEME.length);
}

/** The namespace of a workload's ID; undefined when the path has another form than `/ns/<ns>/sa/<sa>`. */
export function namespaceOf(id: SpiffeId): string | undefined {
  return WORKLOAD_PATH.exec(id.path)?.[1];
}

/** The service account of a workload's ID; undefined when the path has another form than `/ns/<ns>/sa/<sa>`. */
export function serviceAccountOf(id: SpiffeId): string | undefined {
  return WORKLOAD_PATH.exec(id.path)?.[2];
}

/**
 * The DNS name in the SVID of `id` that a TLS client dials by: `<sa>.<ns>.sa.<td>`, at most 253 bytes of valid labels.
 * IDs that do not fit get a digest in its place. The name only satisfies TLS libraries; who the peer is says its SPIFFE ID alone.
 */
export function svidDnsName(id: SpiffeId): string {
  const name = `${serviceAccountOf(id) ?? ""}.${namespaceOf(id) ?? ""}.sa.${id.trustDomain}`;
  const fits = name.length <= DNS_NAME_BYTES_MAX && name.split(".").every((label) => DNS_LABEL.test(label));
  return fits ? name : `svid-${digest(id.uri)}.heddle.internal`;
}

function isPathSegment(segment: string): boolean {
  return segment !== "." && segment !== ".." && PATH_SEGMENT.test(segment);
}

function invalid(text: string, why: string): Result<never> {
  return failure(problem("HDL_IDENTITY_SPIFFE_ID_INVALID", `${quote(text)} is not a SPIFFE ID: ${why}.`));
}

/** Peers choose this text, so it is bounded and escaped before it goes into a message. */
function quote(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}

/** Two FNV-1a halves: spreads names, proves nothing. */
function digest(text: string): string {
  return fnv1a(text, 0x811c9dc5) + fnv1a(text, 0x050c5d1f);
}

function fnv1a(text: string, seed: number): string {
  let hash = seed;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, "0");
}
