import { failure, type ProblemCode, problem } from "#model";

/** No node may join by what it proves. */
export const noNodes = {
  attest: () => failure(problem("HDL_ATTESTATION_NONE" satisfies ProblemCode, "No NodeAttestation is applied.")),
};
