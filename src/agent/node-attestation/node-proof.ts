import { sha256Hex } from "#engine/crypto";
import { readTextFile } from "#engine/folders";
import type { PrivateFiles } from "#engine/private-files";
import { decodePem } from "#identity";
import type { AttestedRequest, NodeEvidence } from "#identity/attestation";
import { failure, problem, type Result, success } from "#model";
import { proveGcp, proveKubernetes } from "./node-token.ts";
import type { NodeAttestationSettings } from "./settings.ts";
import { provePossession } from "./x509-possession.ts";

/** What lets an agent join without a token. Files are read anew for each attempt, so that a renewed one is taken. */
export interface NodeProof {
  /** SHA-256 of each root by which the server may be known, lower-case hexadecimal. */
  serverRoots(): Promise<Result<readonly string[]>>;
  prove(request: AttestedRequest): Promise<Result<NodeEvidence>>;
}

export function nodeProof(settings: NodeAttestationSettings, files: PrivateFiles): NodeProof {
  return {
    serverRoots: () => rootsIn(settings.serverRoots),
    prove: (request) => evidenceFor(settings, request, files),
  };
}

function evidenceFor(
  settings: NodeAttestationSettings,
  request: AttestedRequest,
  files: PrivateFiles,
): Promise<Result<NodeEvidence>> {
  switch (settings.kind) {
    case "x509pop":
      return provePossession(settings, request, files);
    case "kubernetes":
      return proveKubernetes(settings);
    case "gcp":
      return proveGcp(settings, request);
  }
}

async function rootsIn(path: string): Promise<Result<readonly string[]>> {
  const text = await readTextFile(path);
  if (!text.ok) return text;
  const roots = decodePem("CERTIFICATE", text.value ?? "");
  if (roots.length > 0) return success(roots.map((der) => sha256Hex(der)));
  return failure(problem("HDL_AGENT_EVIDENCE", `${path} holds no certificate of the server's root (PEM).`));
}
