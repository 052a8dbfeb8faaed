/**
 * Who a request says it is from, beside the caller's certificate: tokens that are found in it, verified by their issuer's keys, and told
 * to policies and to the app. Knows no socket and no key store; signatures are checked by what is handed in.
 */
export { type Authenticated, compileTokenRules, type OnUnknownKey, type TokenAuthenticator } from "./authenticator.ts";
export { type CompactToken, parseCompactToken } from "./compact-token.ts";
export type { TokenCrypto, VerifyingKey } from "./crypto.ts";
export { lowerRequestAuthentication, type TokenRule } from "./token-rule.ts";
export { tokenFault } from "./validate.ts";
