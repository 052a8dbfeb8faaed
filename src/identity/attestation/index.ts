/** Evidence that a workload may have an identity, and its verification: join tokens, and what nodes prove of themselves. */
export { encodeJoinToken, type JoinToken, parseJoinToken } from "./join-token.ts";
export {
  type JoinClaim,
  type JoinTokenAudit,
  type JoinTokenRecord,
  type JoinTokenRequest,
  type JoinTokenStore,
  JoinTokens,
  type JoinTokensOptions,
  type TokenUse,
  type WorkloadName,
} from "./join-tokens.ts";
export { type BarDocuments, BarredNodes } from "./nodes/barred-nodes.ts";
export { Challenges } from "./nodes/challenges.ts";
export {
  type AttestedNode,
  type AttestedRequest,
  attestedRequest,
  type NodeEvidence,
  nodeLabel,
} from "./nodes/evidence.ts";
export { gcpAudience } from "./nodes/gcp-token.ts";
export {
  NodeAttestors,
  type NodeAttestorsOptions,
  type NodeAudit,
  type NodeClaim,
} from "./nodes/node-attestors.ts";
export { storedJoinTokens, type TokenDocuments } from "./stored-join-tokens.ts";
