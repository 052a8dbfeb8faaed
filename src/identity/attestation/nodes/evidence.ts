/** What a node shows of itself, and what ties it to the request that it comes with. */
import { sha256 } from "#engine/crypto";
import type { WorkloadName } from "../join-tokens.ts";

/** Proof offered in place of a join token. Nothing in it is believed unchecked. */
export type NodeEvidence =
  /** DER, leaf first, and a signature by the leaf's key over `attestedRequest`. */
  | { readonly kind: "x509pop"; readonly chain: readonly Uint8Array[]; readonly signature: Uint8Array }
  /** A projected service-account token. */
  | { readonly kind: "kubernetes"; readonly token: string }
  /** An instance identity token, for `gcpAudience`. */
  | { readonly kind: "gcp"; readonly token: string };

/** A node whose proof holds. */
export interface AttestedNode {
  /** Names it for people, for good: such as a certificate's fingerprint. */
  readonly name: string;
  /** By the names in `NODE_FACTS`. */
  readonly facts: Readonly<Record<string, readonly string[]>>;
}

/** Such as `x509pop certificate 1f2e…`: no node of another kind has the name. */
export function nodeLabel({ kind }: NodeEvidence, { name }: AttestedNode): string {
  return `${kind} ${name}`;
}

export interface AttestedRequest extends WorkloadName {
  /** Replica's name. */
  readonly instance: string;
  /** PKCS#10, DER. */
  readonly csr: Uint8Array;
  /** Of the server, for this attempt alone. */
  readonly nonce: Uint8Array;
}

/** Signed by nothing else, so that a signature over it proves nothing elsewhere, and one from elsewhere nothing here. */
const CONTEXT = "heddle node attestation 1";

/** What a node signs: this attempt, this key, this identity. */
export function attestedRequest({ namespace, serviceAccount, instance, csr, nonce }: AttestedRequest): Uint8Array {
  const parts = [CONTEXT, namespace, serviceAccount, instance, hexOf(nonce), hexOf(sha256(csr))];
  return new TextEncoder().encode(`${parts.join("\n")}\n`);
}

function hexOf(octets: Uint8Array): string {
  return Buffer.from(octets).toString("hex");
}
