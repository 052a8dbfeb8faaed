/** Evidence that a workload may have an identity, and its verification. The evidence so far: join tokens. */
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
export { storedJoinTokens, type TokenDocuments } from "./stored-join-tokens.ts";
