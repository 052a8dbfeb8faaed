/** Proof of possession of a certificate that the company's own authority gave the host. */
import { isSignedBy, sha256Hex, verifyPossession } from "#engine/crypto";
import { type CertificateFacts, decodePem, parseCertificate, parseSubject, pathFault } from "#identity";
import { failure, type NodeAttestor, problem, type Result, success } from "#model";
import type { AttestedNode, NodeEvidence } from "./evidence.ts";

type Possession = Extract<NodeEvidence, { readonly kind: "x509pop" }>;

const CHAIN_LENGTH_MAX = 8;
const SIGNATURE_BYTES_MAX = 1024;
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const ANY_USAGE = "2.5.29.37.0";

/** Fails with `HDL_ATTESTATION_EVIDENCE`. */
export function attestPossession(
  { chain, signature }: Possession,
  { caCertificates }: Extract<NodeAttestor, { readonly kind: "x509pop" }>,
  by: { readonly request: Uint8Array; readonly nowMs: number },
): Result<AttestedNode> {
  if (chain.length > CHAIN_LENGTH_MAX || signature.length > SIGNATURE_BYTES_MAX)
    return refuse("its chain or signature is too long");
  const [leaf, ...intermediates] = chain.flatMap((der) => certificateIn(der));
  if (leaf === undefined || intermediates.length !== chain.length - 1) return refuse("its certificates cannot be read");
  const anchors = decodePem("CERTIFICATE", caCertificates).flatMap(certificateIn);
  const fault = usageFault(leaf) ?? pathFault(leaf, { anchors, intermediates, nowMs: by.nowMs, isSignedBy });
  if (fault !== undefined) return refuse(`of its certificate, ${fault}`);
  if (!verifyPossession({ publicKeyInfo: leaf.publicKeyInfo, data: by.request, signature }))
    return refuse("what the server asked is not signed by the certificate's key");
  const fingerprint = sha256Hex(leaf.der);
  const { serial, dnsSans: dnsName, uriSans: uri } = leaf;
  const facts = { fingerprint: [fingerprint], serial: [serial], dnsName, uri, ...parseSubject(leaf.subject) };
  return success({ name: `certificate ${fingerprint}`, facts });
}

function certificateIn(der: Uint8Array): readonly CertificateFacts[] {
  const parsed = parseCertificate(der);
  return parsed.ok ? [parsed.value] : [];
}

/** It must be for proving who one is towards a server: not one for signing code, or for another's mail. */
function usageFault({ keyUsage, extendedKeyUsage }: CertificateFacts): string | undefined {
  if (keyUsage !== undefined && !keyUsage.digitalSignature) return "its key may not sign";
  if (extendedKeyUsage?.some((each) => each === CLIENT_AUTH || each === ANY_USAGE) === false)
    return "it is not for client authentication";
  return undefined;
}

function refuse(why: string): Result<never> {
  return failure(problem("HDL_ATTESTATION_EVIDENCE", `The proof of a certificate does not hold: ${why}.`));
}
