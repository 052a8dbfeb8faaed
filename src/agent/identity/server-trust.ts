import { isSignedBy, sha256Hex } from "#engine/crypto";
import {
  type Bundle,
  type BundleSet,
  bundleSet,
  parseCertificate,
  parseTrustDomain,
  type SpiffeId,
  serverSpiffeId,
  type TrustDomain,
  validateAuthority,
  validateX509Svid,
} from "#identity";
import { failure, formatProblem, type Problem, problem, type Result } from "#model";

/** Clocks of a joining host are often off; certificates in use are checked without any allowance by the listeners themselves. */
const SKEW_MS = 300_000;

/**
 * Judges a server on first contact, by nothing but the hashes of roots that it may be known by: the chain must reach one of them, each
 * certificate must be signed by the next, and the leaf must be the server of the root's trust domain.
 * Fails with `HDL_ENROLMENT_SERVER_UNTRUSTED`.
 */
export function trustByRootHash(
  chain: readonly Uint8Array[],
  rootHashes: readonly string[],
  nowMs: number,
): Result<SpiffeId> {
  const end = chain.findIndex((der) => rootHashes.includes(sha256Hex(der)));
  if (end < 1) return untrusted("its chain does not lead to a root that this agent was given");
  const authorities = chain.slice(1, end + 1);
  // A root of the company's names none; then the authority below it does.
  const [trustDomain] = authorities.flatMap((der) => trustDomainOf(der) ?? []).slice(-1);
  if (trustDomain === undefined) return untrusted("no authority of its chain names a trust domain");
  for (const [index, der] of authorities.entries()) {
    const fault = authorityFault(der, authorities[index + 1], { trustDomain, nowMs });
    if (fault !== undefined) return untrusted(fault);
  }
  const [issuer] = authorities;
  const bundle = { trustDomain, authorities: issuer === undefined ? [] : [issuer], sequence: 0 };
  return isServer(chain[0], trustDomain, { nowMs, bundles: bundleSet([bundle]) });
}

/** Judges the server by the bundle that is held since enrolment. Fails with `HDL_ENROLMENT_SERVER_UNTRUSTED`. */
export function trustByBundle(chain: readonly Uint8Array[], bundle: Bundle, nowMs: number): Result<SpiffeId> {
  return isServer(chain[0], bundle.trustDomain, { nowMs, bundles: bundleSet([bundle]) });
}

function isServer(
  der: Uint8Array | undefined,
  trustDomain: TrustDomain,
  by: { readonly nowMs: number; readonly bundles: BundleSet },
): Result<SpiffeId> {
  const leaf = parseCertificate(der ?? new Uint8Array());
  const id = leaf.ok ? validateX509Svid(leaf.value, { ...by, skewMs: SKEW_MS, isSignedBy }) : leaf;
  if (!id.ok) return untrusted("its certificate is not valid", id.problems[0]);
  const isExpected = id.value.uri === serverSpiffeId(trustDomain).uri;
  return isExpected ? id : untrusted(`it is ${id.value.uri}`);
}

function authorityFault(
  der: Uint8Array,
  issuer: Uint8Array | undefined,
  expected: { readonly trustDomain: TrustDomain; readonly nowMs: number },
): string | undefined {
  const facts = parseCertificate(der);
  if (!facts.ok || !validateAuthority(facts.value, { ...expected, skewMs: SKEW_MS }).ok)
    return "an authority in its chain may not sign";
  return issuer === undefined || isSignedBy(der, issuer) ? undefined : "its chain is broken";
}

function trustDomainOf(authority: Uint8Array): TrustDomain | undefined {
  const facts = parseCertificate(authority);
  const uri = facts.ok ? facts.value.uriSans[0] : undefined;
  const name = parseTrustDomain(uri?.slice("spiffe://".length) ?? "");
  return name.ok ? name.value : undefined;
}

function untrusted(why: string, cause?: Problem): Result<never> {
  const detail = cause === undefined ? "" : ` (${formatProblem(cause).split("\n")[0] ?? ""})`;
  const message = `The server cannot be trusted: ${why}${detail}.`;
  return failure(problem("HDL_ENROLMENT_SERVER_UNTRUSTED", message, cause === undefined ? {} : { cause }));
}
