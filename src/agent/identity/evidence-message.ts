import type { NodeEvidence } from "#identity/attestation";

/** Evidence as `heddle.v1.NodeEvidence` carries it. */
export function evidenceMessage(evidence: NodeEvidence) {
  switch (evidence.kind) {
    case "kubernetes":
      return { proof: { case: "kubernetesToken" as const, value: evidence.token } };
    case "gcp":
      return { proof: { case: "gcpToken" as const, value: evidence.token } };
    case "x509pop": {
      const { chain, signature } = evidence;
      return { proof: { case: "x509Possession" as const, value: { chain: [...chain], signature } } };
    }
  }
}
