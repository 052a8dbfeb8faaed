import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import type { NodeEvidence } from "#identity/attestation";
import { type Failure, formatProblem, type ProblemCode, problem, type Result } from "#model";
import type { EnrolRequest, Identity } from "#proto";
import type { Enrolment, EnrolmentPeer, SvidGrant } from "./enrolment.ts";

/** Trailer that carries a problem's code, so that an agent shows the same problem as the server's log. */
const PROBLEM_HEADER = "heddle-problem";

export interface IdentityServiceOptions {
  readonly enrolment: Pick<Enrolment, "challenge" | "enrol" | "renew" | "mintJwt">;
  /** Who is at the other end of a call, from its connection. `spiffeId` must be of a validated client certificate. */
  readonly peerOf: (context: HandlerContext) => EnrolmentPeer;
  /** Told of refusals that are the server's own fault. */
  readonly onFault: (failed: Failure) => void;
}

/** `heddle.v1.Identity` for a connect router. Enrol needs no client certificate; Renew takes the caller from nothing else. */
export function identityService({ enrolment, peerOf, onFault }: IdentityServiceOptions): ServiceImpl<typeof Identity> {
  const answer = (result: Result<SvidGrant>) => {
    if (!result.ok) throw refusal(result, onFault);
    const { certificateChain, authorities, ...rest } = result.value;
    return { ...rest, certificateChain: [...certificateChain], authorities: [...authorities] };
  };
  return {
    challenge(_, context) {
      const nonce = enrolment.challenge(peerOf(context));
      if (!nonce.ok) throw refusal(nonce, onFault);
      return { nonce: nonce.value };
    },
    enrol: async (request, context) =>
      answer(await enrolment.enrol({ ...request, evidence: evidenceIn(request) }, peerOf(context))),
    renew: (request, context) => answer(enrolment.renew(request, peerOf(context))),
    mintJwtSvid(request, context) {
      const minted = enrolment.mintJwt(request.audience, peerOf(context));
      if (!minted.ok) throw refusal(minted, onFault);
      return { token: minted.value.token, expiresAtMs: BigInt(minted.value.expiresAtMs) };
    },
  };
}

/** Undefined where there is none, and where it is of a kind that a newer agent knows. */
function evidenceIn({ evidence }: EnrolRequest): NodeEvidence | undefined {
  const proof = evidence?.proof;
  switch (proof?.case) {
    case "x509Possession":
      return { kind: "x509pop", chain: proof.value.chain, signature: proof.value.signature };
    case "kubernetesToken":
      return { kind: "kubernetes", token: proof.value };
    case "gcpToken":
      return { kind: "gcp", token: proof.value };
    case undefined:
      return undefined;
  }
}

/** What a caller may be told, by code; anything else is the server's own affair and is only logged. */
const GRPC_CODES: Readonly<Partial<Record<ProblemCode, Code>>> = {
  HDL_ATTESTATION_BARRED: Code.PermissionDenied,
  HDL_ATTESTATION_CHALLENGE: Code.PermissionDenied,
  HDL_ATTESTATION_EVIDENCE: Code.PermissionDenied,
  HDL_ATTESTATION_IDENTITY: Code.PermissionDenied,
  HDL_ATTESTATION_NONE: Code.PermissionDenied,
  HDL_ATTESTATION_TOKEN_EXPIRED: Code.PermissionDenied,
  HDL_ATTESTATION_TOKEN_MALFORMED: Code.InvalidArgument,
  HDL_ATTESTATION_TOKEN_UNKNOWN: Code.PermissionDenied,
  HDL_ATTESTATION_TOKEN_USED: Code.PermissionDenied,
  HDL_ATTESTATION_TOKEN_WORKLOAD: Code.PermissionDenied,
  HDL_AUTHORITY_EXPIRED: Code.FailedPrecondition,
  HDL_AUTHORITY_KEY_WEAK: Code.InvalidArgument,
  HDL_AUTHORITY_POSSESSION_UNPROVEN: Code.InvalidArgument,
  HDL_ENROLMENT_NAME: Code.InvalidArgument,
  HDL_ENROLMENT_NO_IDENTITY: Code.Unauthenticated,
  HDL_ENROLMENT_RATE: Code.ResourceExhausted,
  HDL_IDENTITY_JWT_INVALID: Code.InvalidArgument,
  HDL_IDENTITY_REQUEST_MALFORMED: Code.InvalidArgument,
  HDL_IDENTITY_SVID_REVOKED: Code.PermissionDenied,
};

function refusal(failed: Failure, onFault: (failed: Failure) => void): ConnectError {
  const [first] = failed.problems;
  const code = GRPC_CODES[first.code];
  if (code !== undefined) return new ConnectError(first.message, code, { [PROBLEM_HEADER]: first.code });
  onFault(failed);
  const own = problem("HDL_INTERNAL", "The server could not issue a certificate; its log says why.");
  return new ConnectError(formatProblem(own), Code.Internal, { [PROBLEM_HEADER]: own.code });
}
