import { readTextFile } from "#engine/folders";
import { askHttp } from "#engine/http-client";
import { type AttestedRequest, gcpAudience, type NodeEvidence } from "#identity/attestation";
import { failure, problem, type Result, success } from "#model";
import type { NodeAttestationSettings } from "./settings.ts";

type Settings<K extends NodeAttestationSettings["kind"]> = Extract<NodeAttestationSettings, { readonly kind: K }>;

const TOKEN_BYTES_MAX = 16_384;
const TIMEOUT_MS = 5000;
const GCP_METADATA = "http://metadata.google.internal";

/** Fails with `HDL_AGENT_EVIDENCE`. */
export async function proveKubernetes({ tokenFile }: Settings<"kubernetes">): Promise<Result<NodeEvidence>> {
  const text = await readTextFile(tokenFile, TOKEN_BYTES_MAX);
  if (!text.ok) return text;
  const token = text.value?.trim() ?? "";
  return token === "" ? refuse(`${tokenFile} holds no token`) : success({ kind: "kubernetes", token });
}

/** Asks the instance's metadata server. Fails with `HDL_AGENT_EVIDENCE`. */
export async function proveGcp(
  { audience, metadataServer = GCP_METADATA }: Settings<"gcp">,
  { nonce }: AttestedRequest,
): Promise<Result<NodeEvidence>> {
  const query = new URLSearchParams({ audience: gcpAudience(audience, nonce), format: "full" });
  const asked = await askHttp({
    url: `${metadataServer}/computeMetadata/v1/instance/service-accounts/default/identity?${query}`,
    headers: [["metadata-flavor", "Google"]],
    timeoutMs: TIMEOUT_MS,
    bytesMax: TOKEN_BYTES_MAX,
  });
  if (!asked.ok) return refuse(asked.problems[0].message.replace(/\.$/, ""));
  const { status, body } = asked.value;
  if (status !== 200) return refuse(`${metadataServer} answered with status ${status}`);
  return success({ kind: "gcp", token: new TextDecoder().decode(body).trim() });
}

function refuse(why: string): Result<never> {
  return failure(problem("HDL_AGENT_EVIDENCE", `${why}.`));
}
