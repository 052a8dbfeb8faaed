import { importPossessionKey } from "#engine/crypto";
import { readTextFile } from "#engine/folders";
import type { PrivateFiles } from "#engine/private-files";
import { decodePem } from "#identity";
import { type AttestedRequest, attestedRequest, type NodeEvidence } from "#identity/attestation";
import { failure, problem, type Result, success } from "#model";
import type { NodeAttestationSettings } from "./settings.ts";

/** Fails with `HDL_AGENT_EVIDENCE`, or with a code of the files. */
export async function provePossession(
  settings: Extract<NodeAttestationSettings, { readonly kind: "x509pop" }>,
  request: AttestedRequest,
  files: PrivateFiles,
): Promise<Result<NodeEvidence>> {
  const certificate = await readTextFile(settings.certificate);
  if (!certificate.ok) return certificate;
  const key = await files.read(settings.privateKey);
  if (!key.ok) return key;
  const chain = decodePem("CERTIFICATE", certificate.value ?? "");
  const possession = importPossessionKey(key.value ?? "");
  if (chain.length === 0) return refuse(`${settings.certificate} holds no certificate (PEM)`);
  if (possession === undefined) return refuse(`${settings.privateKey} holds no unencrypted EC or RSA key (PEM)`);
  return success({ kind: "x509pop", chain, signature: possession.sign(attestedRequest(request)) });
}

function refuse(why: string): Result<never> {
  return failure(problem("HDL_AGENT_EVIDENCE", `${why}.`));
}
