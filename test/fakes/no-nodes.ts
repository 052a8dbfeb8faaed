import { failure, type ProblemCode, problem, success } from "#model";

/** No node may join by what it proves. */
export const noNodes = {
  attest: async () => failure(problem("HDL_ATTESTATION_NONE" satisfies ProblemCode, "No NodeAttestation is applied.")),
};

/** Nobody was revoked. */
export const nobodyBarred = {
  admit: async () => success(undefined),
  lift: async () => success(undefined),
};
