/** An authority of the company's above this one: it certifies issuing keys, and its root is the domain's. */
import { equalConstantTime, isSignedBy, type SigningKey } from "#engine/crypto";
import {
  type CertificateFacts,
  encodeCertificationRequest,
  parseCertificate,
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
  /** The root that signed it, DER. */
  readonly root: Uint8Array;
}

/** Asks the upstream authority. The request is PKCS#10, DER: it proves possession, and names the subject and the trust domain's URI. */
export interface UpstreamAuthority {
  sign(csrDer: Uint8Array): Promise<Result<UpstreamCertificate>>;
}

/** Below it a certificate is of no use: agents' certificates could not live as long as they are to. */
const LIFE_MIN_MS = 3_600_000;

/** The certificate of an issuing key, if what came back may sign for the domain. Fails with `HDL_AUTHORITY_UPSTREAM`. */
export async function certifyUpstream(
  upstream: UpstreamAuthority,
  request: { readonly key: SigningKey; readonly name: Signer["name"] },
  domain: { readonly trustDomain: TrustDomain; readonly nowMs: number },
): Promise<Result<UpstreamCertificate>> {
  const { uri } = trustDomainId(domain.trustDomain);
  const signed = await upstream.sign(encodeCertificationRequest(request.key, { subject: request.name, uri }));
  if (!signed.ok) return signed;
  const certificate = parseCertificate(signed.value.certificate);
  const root = parseCertificate(signed.value.root);
  if (!certificate.ok || !root.ok) return refuse("it did not answer by certificates");
  const fault = faultOf(certificate.value, root.value, { ...domain, key: request.key });
  return fault === undefined ? success(signed.value) : refuse(fault);
}

function faultOf(
  certificate: CertificateFacts,
  root: CertificateFacts,
  { trustDomain, nowMs, key }: { readonly trustDomain: TrustDomain; readonly nowMs: number; readonly key: SigningKey },
): string | undefined {
  if (!equalConstantTime(certificate.publicKeyInfo, key.publicKeyInfo)) return "its certificate is for another key";
  for (const each of [certificate, root]) {
    const valid = validateAuthority(each, { trustDomain, nowMs });
    if (!valid.ok) return `its certificate cannot be used: ${valid.problems[0].message}`;
  }
  if (certificate.notAfterMs - nowMs < LIFE_MIN_MS) return "its certificate lives less than an hour";
  return isSignedBy(certificate.der, root.der)
    ? undefined
    : "its certificate is not signed by the root that came with it";
}

function refuse(why: string): Result<never> {
  return failure(problem("HDL_AUTHORITY_UPSTREAM", `The upstream authority's answer cannot be used: ${why}.`));
}
