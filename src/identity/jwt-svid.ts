/** JWT-SVIDs (SPIFFE JWT-SVID): what is signed, and what makes one good. Pure; keys belong to `#engine/crypto`. */
import { failure, problem, type Result, success } from "#model";
import type { BundleSet } from "./bundle.ts";
import { BACKDATE_MS, isRevoked } from "./revocation.ts";
import { parseSpiffeId, type SpiffeId } from "./spiffe-id.ts";

/** A key by which JWT-SVIDs of a trust domain are signed. */
export interface JwtAuthority {
  readonly keyId: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeyInfo: Uint8Array;
}

/** JWT keys that a bundle may hold. */
export const JWT_AUTHORITIES_MAX = 16;
/** Longest token that is looked at. */
const TOKEN_LENGTH_MAX = 8192;
const AUDIENCES_MAX = 16;
const AUDIENCE_LENGTH_MAX = 1024;
/** JWT-SVID §2: no others, and `none` least of all. */
const ALGORITHMS: ReadonlySet<string> = new Set([
  ...["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"],
]);

export interface JwtSvidClaims {
  readonly spiffeId: SpiffeId;
  readonly audience: readonly string[];
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** Of the OpenID Connect provider that publishes the key; absent for none. */
  readonly issuer?: string;
}

/** Why an audience list cannot be asked for; undefined for a good one. */
export function audienceFault(audience: readonly string[]): string | undefined {
  if (audience.length === 0) return "no audience is named";
  if (audience.length > AUDIENCES_MAX) return `more than ${AUDIENCES_MAX} audiences are named`;
  const isOdd = audience.some((each) => each === "" || each.length > AUDIENCE_LENGTH_MAX);
  return isOdd ? `an audience is empty or longer than ${AUDIENCE_LENGTH_MAX}` : undefined;
}

/** Header and payload, the signing input of RFC 7515 §5.1 for ES256. */
export function jwtSvidInput({ spiffeId, audience, ...rest }: JwtSvidClaims, keyId: string): string {
  const claims = {
    ...(rest.issuer === undefined ? {} : { iss: rest.issuer }),
    sub: spiffeId.uri,
    aud: audience.length === 1 ? audience[0] : audience,
    iat: Math.floor(rest.issuedAtMs / 1000),
    exp: Math.floor(rest.expiresAtMs / 1000),
  };
  return `${encodeJson({ alg: "ES256", kid: keyId, typ: "JWT" })}.${encodeJson(claims)}`;
}

/** Whether the key made the signature over the data by the algorithm that the header names. */
export type VerifyJws = (check: {
  readonly algorithm: string;
  readonly publicKeyInfo: Uint8Array;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}) => boolean;

export interface JwtSvidChecks {
  /** Who reads it: must be among those that it was issued for. */
  readonly audience: string;
  readonly nowMs: number;
  readonly bundles: BundleSet;
  readonly verify: VerifyJws;
}

export interface ValidJwtSvid {
  readonly id: SpiffeId;
  readonly expiresAtMs: number;
  /** As they are in the token. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Validates a token (JWT-SVID §4, §5). Fails with `HDL_IDENTITY_JWT_INVALID`, whose message says what is wrong with it. */
export function validateJwtSvid(token: string, checks: JwtSvidChecks): Result<ValidJwtSvid> {
  const parts = token.length > TOKEN_LENGTH_MAX ? [] : token.split(".");
  const [header, claims] = [decodeJson(parts[0] ?? ""), decodeJson(parts[1] ?? "")];
  if (parts.length !== 3 || header === undefined || claims === undefined) return invalid("it is no signed JWT");
  const algorithm = String(header["alg"]);
  const headerWrong = headerFault(header, algorithm);
  if (headerWrong !== undefined) return invalid(headerWrong);
  const id = parseSpiffeId(typeof claims["sub"] === "string" ? claims["sub"] : "");
  if (!id.ok) return invalid("its subject is no SPIFFE ID");
  const claimsWrong = claimsFault(claims, id.value, checks);
  if (claimsWrong !== undefined) return invalid(claimsWrong);
  const key = checks.bundles.get(id.value.trustDomain)?.jwtAuthorities?.find(({ keyId }) => keyId === header["kid"]);
  if (key === undefined)
    return invalid(`no key ${JSON.stringify(header["kid"])} of ${id.value.trustDomain} is trusted`);
  const data = new TextEncoder().encode(`${parts[0]}.${parts[1]}`);
  const signature = Buffer.from(parts[2] ?? "", "base64url");
  if (!checks.verify({ algorithm, publicKeyInfo: key.publicKeyInfo, data, signature }))
    return invalid("its signature is not by that key");
  return success({ id: id.value, expiresAtMs: Number(claims["exp"]) * 1000, claims });
}

function headerFault(header: Readonly<Record<string, unknown>>, algorithm: string): string | undefined {
  if (!ALGORITHMS.has(algorithm)) return `its algorithm ${JSON.stringify(algorithm.slice(0, 20))} is not accepted`;
  const type = header["typ"];
  if (type !== undefined && type !== "JWT" && type !== "JOSE") return "its typ is neither JWT nor JOSE";
  if (header["crit"] !== undefined) return "it has critical headers that are not understood";
  return undefined;
}

function claimsFault(
  claims: Readonly<Record<string, unknown>>,
  id: SpiffeId,
  { audience, nowMs, bundles }: JwtSvidChecks,
): string | undefined {
  const { aud, exp, nbf, iat } = claims;
  if (id.path === "") return "its subject names a trust domain, not a workload";
  if (typeof exp !== "number" || exp * 1000 <= nowMs) return "it has expired, or says no time at which it will";
  if (nbf !== undefined && (typeof nbf !== "number" || nbf * 1000 > nowMs)) return "it is not valid yet";
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.includes(audience)) return "it was issued for another audience";
  // Revocations go by the start of X.509-SVIDs.
  const issuedMs = typeof iat === "number" ? iat * 1000 - BACKDATE_MS : Number.NEGATIVE_INFINITY;
  const revocations = bundles.get(id.trustDomain)?.revocations;
  // A token has no serial; it goes with the identity that was revoked.
  if (isRevoked({ uri: id.uri, serial: "", notBeforeMs: issuedMs }, revocations)) return "its subject was revoked";
  return undefined;
}

function encodeJson(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decodeJson(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

function invalid(why: string): Result<never> {
  return failure(problem("HDL_IDENTITY_JWT_INVALID", `The token is not a good JWT-SVID: ${why}.`));
}
