/** A projected service-account token of Kubernetes: of a pod, for an audience, for some minutes. */
import { sha256Hex } from "#engine/crypto";
import { failure, type NodeAttestor, problem, type Result, success } from "#model";
import type { AttestedNode, NodeEvidence } from "./evidence.ts";
import { verifyNodeToken } from "./node-token.ts";
import type { TokenUses } from "./token-uses.ts";

type Kubernetes = Extract<NodeAttestor, { readonly kind: "kubernetes" }>;

/** The kubelet gives an hour unless told otherwise. */
const LIFE_MAX_MS = 2 * 3_600_000;
const NAME_CHARS_MAX = 253;

/** Fails with `HDL_ATTESTATION_EVIDENCE`. */
export function attestKubernetes(
  { token }: Extract<NodeEvidence, { readonly kind: "kubernetes" }>,
  { issuer, audience, jwks }: Kubernetes,
  by: { readonly nowMs: number; readonly peerAddress: string; readonly uses: Pick<TokenUses, "take"> },
): Result<AttestedNode> {
  const claims = verifyNodeToken(token, { issuer, audience, jwks, lifeMaxMs: LIFE_MAX_MS }, by.nowMs);
  if (!claims.ok) return claims;
  const bound = membersOf(claims.value["kubernetes.io"]);
  const [account, pod, node] = ["serviceaccount", "pod", "node"].map((each) => membersOf(bound[each]));
  const namespace = textOf(bound["namespace"]);
  const serviceAccount = textOf(account?.["name"]);
  const podUid = textOf(pod?.["uid"]);
  if (claims.value["sub"] !== `system:serviceaccount:${namespace}:${serviceAccount}`)
    return refuse("is not that of a service account");
  // One that is bound to no pod can be made by whoever may make tokens, and outlives every pod.
  if (podUid === "") return refuse("is not bound to a pod");
  // Of what is signed: an ECDSA signature can be written in two ways, and the token would be another.
  const signed = token.slice(0, token.lastIndexOf("."));
  const use = { id: sha256Hex(signed), address: by.peerAddress, untilMs: Number(claims.value["exp"]) * 1000 };
  const fault = by.uses.take(use, by.nowMs);
  if (fault !== undefined) return refuse(fault);
  const facts = { namespace, serviceAccount, pod: textOf(pod?.["name"]), podUid, node: textOf(node?.["name"]) };
  return success({
    name: `pod ${podUid}`,
    facts: Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, [value]])),
  });
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string {
  return typeof value === "string" && value.length <= NAME_CHARS_MAX ? value : "";
}

function refuse(why: string): Result<never> {
  return failure(problem("HDL_ATTESTATION_EVIDENCE", `The token of the pod ${why}.`));
}
