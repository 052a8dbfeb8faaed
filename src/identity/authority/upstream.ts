/** An authority of the company's above this one: it certifies issuing keys, and its root is the domain's. */
import { equalConstantTime, isSignedBy, type SigningKey } from "#engine/crypto";
import {
  type CertificateFacts,
  encodeCertificationRequest,
  parseCertificate,
  type RequestedAuthority,
  type TrustDomain,
  trustDomainId,
  validateAuthority,
} from "#identity";
import { failure, problem, type Result, success } from "#model";
import type { Signer } from "./issuing.ts";

/** What an upstream authority answers a request by. */
export interface UpstreamCertificate {
  /** Of the key that was sent, DER. */
  readonly certificate: Uint8Array;
  /** Authorities between it and the root, DER, the one that signed it first. */
  readonly intermediates?: readonly Uint8Array[];
  /** DER. */
  readonly root: Uint8Array;
}

/** Asks the upstream authority. The request is PKCS#10, DER: it proves possession, and names what is `wanted`. */
export interface UpstreamAuthority {
  sign(csrDer: Uint8Array, wanted: RequestedAuthority): Promise<Result<UpstreamCertificate>>;
}

/** Below it a certificate is of no use: agents' certificates could not live as long as they are to. */
const LIFE_MIN_MS = 3_600_000;
/** What agents take is a leaf, its issuer and these. */
const INTERMEDIATES_MAX = 2;

/** The certificate of an issuing key, if what came back may sign for the domain. Fails with `HDL_AUTHORITY_UPSTREAM`. */
export async function certifyUpstream(
  upstream: UpstreamAuthority,
  request: { readonly key: SigningKey; readonly name: Signer["name"] },
  domain: { readonly trustDomain: TrustDomain; readonly nowMs: number },
): Promise<Result<UpstreamCertificate>> {
  const { uri } = trustDomainId(domain.trustDomain);
  const wanted = { subject: request.name, uri };
  const signed = await upstream.sign(encodeCertificationRequest(request.key, wanted), wanted);
  if (!signed.ok) return signed;
  const { certificate, intermediates = [], root } = signed.value;
  if (intermediates.length > INTERMEDIATES_MAX)
    return refuse(`more than ${INTERMEDIATES_MAX} authorities stand between its certificate and the root`);
  const path = [certificate, ...intermediates, root].flatMap((der) => {
    const parsed = parseCertificate(der);
    return parsed.ok ? [parsed.value] : [];
  });
  if (path.length !== intermediates.length + 2) return refuse("it did not answer by certificates");
  const fault = faultOf(path, { ...domain, key: request.key });
  return fault === undefined ? success(signed.value) : refuse(fault);
}

/** The path begins with the issuing key's certificate and ends with the root. */
function faultOf(
  path: readonly CertificateFacts[],
  { trustDomain, nowMs, key }: { readonly trustDomain: TrustDomain; readonly nowMs: number; readonly key: SigningKey },
): string | undefined {
  const [certificate] = path;
  if (certificate === undefined || !equalConstantTime(certificate.publicKeyInfo, key.publicKeyInfo))
    return "its certificate is for another key";
  for (const [index, each] of path.entries()) {
    const valid = validateAuthority(each, { trustDomain, nowMs });
    if (!valid.ok) return `its certificate cannot be used: ${valid.problems[0].message}`;
    if (each.pathLength !== undefined && each.pathLength < index) return "an authority of it may have none below it";
    const above = path[index + 1];
    if (above !== undefined && !isSignedBy(each.der, above.der))
      return "its certificate is not signed by the root that came with it, nor by way of others that did";
  }
  return certificate.notAfterMs - nowMs < LIFE_MIN_MS ? "its certificate lives less than an hour" : undefined;
}

function refuse(why: string): Result<never> {
  return failure(problem("HDL_AUTHORITY_UPSTREAM", `The upstream authority's answer cannot be used: ${why}.`));
}
