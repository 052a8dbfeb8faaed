/** Tokens (JWT) that say what a node is, signed by whoever runs it: verified by pinned keys, never by what the token itself brings. */
import { type CompactToken, parseCompactToken, tokenFault } from "#authentication";
import { importTokenKey } from "#engine/crypto";
import { failure, parseJsonWebKeys, problem, type Result, success } from "#model";

export interface TokenPins {
  readonly issuer: string;
  readonly audience: string;
  /** JSON Web Key Set. */
  readonly jwks: string;
  /** A token that is good for longer is refused: whoever sees it could use it for as long. */
  readonly lifeMaxMs: number;
}

/** The claims of a token that holds now. Fails with `HDL_ATTESTATION_EVIDENCE`. */
export function verifyNodeToken(text: string, pins: TokenPins, nowMs: number): Result<CompactToken["claims"]> {
  const token = parseCompactToken(text);
  if (typeof token === "string") return refuse(token);
  const listed = parseJsonWebKeys(pins.jwks);
  if (!listed.ok) return refuse(`cannot be verified: the pinned set of keys ${listed.problems[0].message}`);
  const keys = listed.value.flatMap(({ kid, algorithms, jwk }) => {
    const key = importTokenKey(jwk);
    return key === undefined ? [] : [{ kid, algorithms, key }];
  });
  const { claims } = token;
  if (claims["iss"] !== pins.issuer) return refuse("is of another issuer");
  const fault = tokenFault(token, { audiences: [pins.audience], keys }, nowMs) ?? lifeFault(claims, pins.lifeMaxMs);
  return fault === undefined ? success(claims) : refuse(fault);
}

function lifeFault({ exp, iat }: CompactToken["claims"], lifeMaxMs: number): string | undefined {
  if (typeof exp !== "number" || typeof iat !== "number") return "does not say from when and until when it holds";
  return (exp - iat) * 1000 > lifeMaxMs ? `is good for longer than ${lifeMaxMs / 60_000} minutes` : undefined;
}

function refuse(why: string): Result<never> {
  return failure(problem("HDL_ATTESTATION_EVIDENCE", `The token of the node ${why}.`));
}
