import type { Clock } from "#engine/time";
import { failure, type NodeAttestation, type NodeAttestor, type Problem, problem, type Result, success } from "#model";
import type { WorkloadName } from "../join-tokens.ts";
import type { BarredNodes } from "./barred-nodes.ts";
import { type AttestedNode, type NodeEvidence, nodeLabel } from "./evidence.ts";
import { attestGcp } from "./gcp-token.ts";
import { mayTake } from "./granted-identity.ts";
import { attestKubernetes } from "./kubernetes-token.ts";
import { ClaimedUse, TokenUses } from "./token-uses.ts";
import { attestPossession } from "./x509-possession.ts";

/** Proof offered by a joining agent in place of a join token. */
export interface NodeClaim extends WorkloadName {
  readonly instance: string;
  readonly evidence: NodeEvidence;
  /** What had to be signed: `attestedRequest`. */
  readonly request: Uint8Array;
  /** Of the server, used up by this claim. */
  readonly nonce: Uint8Array;
  readonly peerAddress: string;
}

/** One line of the audit trail. `problem` says why evidence was refused. */
export interface NodeAudit extends WorkloadName {
  readonly kind: "node-attested" | "node-refused";
  readonly atMs: number;
  /** The peer's address. */
  readonly actor: string;
  readonly instance: string;
  /** Such as `x509pop certificate 1f2e…`; the kind alone for one whose proof does not hold. */
  readonly node: string;
  readonly problem?: Problem;
}

export interface NodeAttestorsOptions {
  /** Those in force. */
  readonly attestations: () => readonly NodeAttestation[];
  readonly barred: Pick<BarredNodes, "admit">;
  readonly clock: Pick<Clock, "nowMs">;
  readonly audit: (entry: NodeAudit) => void;
}

/** Who may join by what a node proves of itself, as far as the applied `NodeAttestation`s say. */
export class NodeAttestors {
  readonly #options: NodeAttestorsOptions;
  readonly #uses = new TokenUses();

  constructor(options: NodeAttestorsOptions) {
    this.#options = options;
  }

  /**
   * The node, where its proof holds by one of the attestations and that one grants the identity. Fails with `HDL_ATTESTATION_NONE`, `…_EVIDENCE`,
   * `…_IDENTITY` or `…_BARRED`; each is audited.
   */
  async attest(claim: NodeClaim): Promise<Result<AttestedNode>> {
    const proved = this.#attest(claim);
    const admitted = proved.ok ? await this.#admit(claim, proved.value) : proved;
    const attested = admitted.ok ? proved : admitted;
    const { namespace, serviceAccount, instance, peerAddress: actor, evidence } = claim;
    const who = { namespace, serviceAccount, instance, actor, atMs: this.#options.clock.nowMs() };
    if (attested.ok) this.#options.audit({ kind: "node-attested", ...who, node: nodeLabel(evidence, attested.value) });
    else this.#options.audit({ kind: "node-refused", ...who, node: evidence.kind, problem: attested.problems[0] });
    return attested;
  }

  #admit(claim: NodeClaim, node: AttestedNode): Promise<Result<void>> {
    const { instance, evidence } = claim;
    return this.#options.barred.admit(claim, { instance, node: nodeLabel(evidence, node) });
  }

  #attest(claim: NodeClaim): Result<AttestedNode> {
    const { kind } = claim.evidence;
    const fitting = this.#options.attestations().filter(({ spec }) => spec.attestor.kind === kind);
    let refusal: Result<never> = failure(problem("HDL_ATTESTATION_NONE", `No NodeAttestation takes ${kind}.`));
    if (isServer(claim)) return notGranted(claim, kind);
    const uses = new ClaimedUse(this.#uses);
    for (const { spec } of fitting) {
      const node = this.#prove(claim, spec.attestor, uses);
      if (node.ok && mayTake(claim, spec.identities, node.value.facts)) return success(node.value);
      refusal = node.ok ? notGranted(claim, node.value.name) : (worse(refusal, node) ?? refusal);
    }
    uses.giveBack();
    return refusal;
  }

  #prove(claim: NodeClaim, attestor: NodeAttestor, uses: ClaimedUse): Result<AttestedNode> {
    const { evidence } = claim;
    const by = { ...claim, nowMs: this.#options.clock.nowMs(), uses };
    if (evidence.kind === "x509pop" && attestor.kind === "x509pop") return attestPossession(evidence, attestor, by);
    if (evidence.kind === "kubernetes" && attestor.kind === "kubernetes")
      return attestKubernetes(evidence, attestor, by);
    if (evidence.kind === "gcp" && attestor.kind === "gcp") return attestGcp(evidence, attestor, by);
    throw new RangeError(`Evidence of ${evidence.kind} held against ${attestor.kind}.`);
  }
}

/** That the proof holds and is not enough tells more than that another does not hold. */
function worse(held: Result<never>, next: Result<never>): Result<never> | undefined {
  return !held.ok && held.problems[0].code === "HDL_ATTESTATION_IDENTITY" ? undefined : next;
}

function notGranted({ namespace, serviceAccount }: WorkloadName, node: string): Result<never> {
  const asked = `${namespace}/${serviceAccount}`;
  return failure(problem("HDL_ATTESTATION_IDENTITY", `No NodeAttestation lets ${node} be ${asked}.`));
}

/** Nobody joins as the server. */
function isServer({ namespace, serviceAccount }: WorkloadName): boolean {
  return namespace === "heddle-system" && serviceAccount === "heddle-server";
}
