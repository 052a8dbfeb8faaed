/** `NodeAttestation`, after defaults. Heddle's own kind. */
import type { ResourceOf } from "./resource-of.ts";

/** By which proof a node is known, and what the proof is held against. */
export type NodeAttestor =
  /** A certificate of one of these authorities (PEM), and a signature by its key over what the server asked. */
  | { readonly kind: "x509pop"; readonly caCertificates: string }
  /** A projected service-account token: of this issuer, for this audience, signed by one of these keys (a JSON Web Key Set). */
  | { readonly kind: "kubernetes"; readonly issuer: string; readonly audience: string; readonly jwks: string }
  /** An instance identity token of Google Cloud, of one of these projects. The keys are Google's, a JSON Web Key Set. */
  | { readonly kind: "gcp"; readonly projects: readonly string[]; readonly audience: string; readonly jwks: string };

export type NodeAttestorKind = NodeAttestor["kind"];

/** What is known of a node once its proof holds, by attestor: the names that `where` and templates may use. */
export const NODE_FACTS: Readonly<Record<NodeAttestorKind, readonly string[]>> = {
  x509pop: ["fingerprint", "serial", "commonName", "organization", "organizationalUnit", "dnsName", "uri"],
  kubernetes: ["namespace", "serviceAccount", "pod", "podUid", "node"],
  gcp: ["project", "instance", "instanceName", "zone", "serviceAccount"],
};

/** Identities that a node may take. */
export interface AttestedIdentities {
  /**
   * `namespace/serviceaccount`: each part a label, `*` for any, or a label with facts of the node in braces, such as `edge/{commonName}`.
   */
  readonly workloads: readonly string[];
  /** Facts that the node must have: of each, one that equals, or `prefix*`, `*suffix`, `*`. */
  readonly where: Readonly<Record<string, readonly string[]>>;
}

/** Lets nodes that prove what they are take identities, without a join token. */
export interface NodeAttestation extends ResourceOf<"heddle.dev/v1", "NodeAttestation"> {
  readonly spec: { readonly attestor: NodeAttestor; readonly identities: readonly AttestedIdentities[] };
}
