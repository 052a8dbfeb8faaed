/** Whether a token is one that a rule takes: its issuer, its signature, its times, its audience (RFC 7519 §4.1, §7.2). */
import type { TokenAlgorithm } from "#model";
import type { CompactToken } from "./compact-token.ts";
import type { VerifyingKey } from "./crypto.ts";

export interface RuleKey {
  readonly kid: string;
  readonly algorithms: readonly TokenAlgorithm[];
  readonly key: VerifyingKey;
}

/** What of a rule a token is held against. */
export interface TokenExpectation {
  readonly audiences: readonly string[];
  readonly keys: readonly RuleKey[];
}

/** How far the clocks of issuer and agent may be apart, as in Envoy. */
export const CLOCK_SKEW_S = 60;
/** Of a set in which many keys could be meant, so many are tried. */
const TRIES_MAX = 8;

/** Undefined for a valid one, or why it is not. Its issuer has been compared. */
export function tokenFault(token: CompactToken, rule: TokenExpectation, nowMs: number): string | undefined {
  return (
    signatureFault(token, rule.keys) ??
    timeFault(token.claims, nowMs / 1000) ??
    claimFault(token.claims, rule.audiences)
  );
}

/** Whether a newer set of the issuer's keys could hold the one that the token names. */
export function namesUnknownKey({ kid }: Pick<CompactToken, "kid">, keys: readonly RuleKey[]): boolean {
  return keys.length === 0 || (kid !== "" && keys.every((each) => each.kid !== "" && each.kid !== kid));
}

/** A key is tried only for an algorithm of its own type, so that none of them can be taken for another's. */
function signatureFault(
  { algorithm, kid, signed, signature }: CompactToken,
  keys: readonly RuleKey[],
): string | undefined {
  if (keys.length === 0) return "is from an issuer whose keys are not known";
  const meant = keys.filter((each) => kid === "" || each.kid === "" || each.kid === kid);
  const fitting = meant.filter(({ algorithms }) => algorithms.includes(algorithm));
  if (fitting.length === 0) return "is signed by a key that its issuer does not publish";
  const isSigned = fitting.slice(0, TRIES_MAX).some(({ key }) => key.verify(algorithm, signed, signature));
  return isSigned ? undefined : "has a signature that does not hold";
}

type Claims = CompactToken["claims"];

export function timeFault({ exp, nbf }: Claims, nowS: number): string | undefined {
  for (const time of [exp, nbf])
    if (time !== undefined && !(typeof time === "number" && Number.isFinite(time)))
      return "has a time that is no number";
  if (typeof exp === "number" && nowS > exp + CLOCK_SKEW_S) return "has expired";
  if (typeof nbf === "number" && nowS + CLOCK_SKEW_S < nbf) return "is not valid yet";
  return undefined;
}

function claimFault({ sub, aud }: Claims, audiences: readonly string[]): string | undefined {
  if (sub !== undefined && typeof sub !== "string") return "has a subject that is no text";
  if (audiences.length === 0) return undefined;
  const held: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  return held.some((each) => typeof each === "string" && audiences.includes(each))
    ? undefined
    : "is for another audience";
}
