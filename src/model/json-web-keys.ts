/** JSON Web Key Sets (RFC 7517, 7518, 8037): the public keys that an issuer signs tokens with. Reads the text; knows no signature. */
import { failure, problem, type Result, success } from "./problem.ts";

/** Signatures that are accepted (RFC 7518 §3.1, RFC 8037). `none` and the symmetric HS* are none of them. */
export const TOKEN_ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "EdDSA",
] as const;
export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number];

/** The parts of a key that verifying takes, in base64url. */
export type PublicJwk =
  | { readonly kty: "RSA"; readonly n: string; readonly e: string }
  | { readonly kty: "EC"; readonly crv: "P-256" | "P-384"; readonly x: string; readonly y: string }
  | { readonly kty: "OKP"; readonly crv: "Ed25519"; readonly x: string };

export interface TokenKey {
  /** "" for none. */
  readonly kid: string;
  /** What it may verify: never more than its type can, and no other than its `alg` where it has one. */
  readonly algorithms: readonly TokenAlgorithm[];
  readonly jwk: PublicJwk;
}

export const JWKS_CHARS_MAX = 64 * 1024;
const KEYS_MAX = 64;
const KID_CHARS_MAX = 512;
/** Shorter RSA keys are weak (RFC 7518 §3.3); longer ones take too long to verify with. */
const RSA_BITS_MIN = 2048;
const RSA_BITS_MAX = 8192;
/** A larger exponent would make verifying slow. */
const EXPONENT_BYTES_MAX = 4;
const COORDINATE_BYTES = { "P-256": 32, "P-384": 48, Ed25519: 32 } as const;

/**
 * The keys of a set that verify signatures. Others (for encryption, symmetric, of other curves, too weak) are passed over, as RFC 7517
 * §5 says. Fails with `HDL_MODEL_JWKS` where the text is no set, is too large, or has no key that can be used.
 */
export function parseJsonWebKeys(text: string): Result<readonly TokenKey[]> {
  if (text.length > JWKS_CHARS_MAX) return refuse(`is longer than ${JWKS_CHARS_MAX} characters`);
  const listed = keysIn(text);
  if (listed === undefined) return refuse('is not a JSON Web Key Set: an object `{"keys": [...]}`');
  if (listed.length > KEYS_MAX) return refuse(`has more than ${KEYS_MAX} keys`);
  const keys = listed.flatMap((each) => keyOf(each) ?? []);
  if (keys.length === 0)
    return refuse(
      `has no public key for signatures among ${listed.length} (RSA of 2048 bits or more, P-256, P-384, Ed25519)`,
    );
  return success(keys);
}

/** The same keys as a text that holds nothing else: no private part, no certificate, in the order given. */
export function writeJsonWebKeys(keys: readonly TokenKey[]): string {
  return JSON.stringify({
    keys: keys.map(({ kid, algorithms, jwk }) => ({
      ...jwk,
      ...(kid === "" ? {} : { kid }),
      ...(algorithms.length === 1 ? { alg: algorithms[0] } : {}),
    })),
  });
}

type Members = Readonly<Record<string, unknown>>;

function keysIn(text: string): readonly unknown[] | undefined {
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown };
    return Array.isArray(keys) ? keys : undefined;
  } catch {
    return undefined;
  }
}

function keyOf(value: unknown): TokenKey | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const members = value as Members;
  const { use, key_ops: operations, kid = "", alg } = members;
  if (use !== undefined && use !== "sig") return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify"))) return undefined;
  if (typeof kid !== "string" || kid.length > KID_CHARS_MAX) return undefined;
  const found = publicJwkOf(members);
  if (found === undefined) return undefined;
  const algorithms = found.algorithms.filter((each) => alg === undefined || alg === each);
  return algorithms.length === 0 ? undefined : { kid, algorithms, jwk: found.jwk };
}

function publicJwkOf({ kty, crv, n, e, x, y }: Members): Pick<TokenKey, "algorithms" | "jwk"> | undefined {
  if (kty === "RSA") return rsaOf(n, e);
  if (kty === "EC" && (crv === "P-256" || crv === "P-384")) {
    const bytes = COORDINATE_BYTES[crv];
    if (!isOfBytes(x, bytes) || !isOfBytes(y, bytes)) return undefined;
    return { jwk: { kty, crv, x, y }, algorithms: [crv === "P-256" ? "ES256" : "ES384"] };
  }
  if (kty === "OKP" && crv === "Ed25519" && isOfBytes(x, COORDINATE_BYTES[crv]))
    return { jwk: { kty, crv, x }, algorithms: ["EdDSA"] };
  return undefined;
}

function rsaOf(n: unknown, e: unknown): Pick<TokenKey, "algorithms" | "jwk"> | undefined {
  if (!isBase64Url(n) || !isBase64Url(e)) return undefined;
  const bits = (bytesOf(n) ?? 0) * 8;
  if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX || (bytesOf(e) ?? 0) > EXPONENT_BYTES_MAX) return undefined;
  return { jwk: { kty: "RSA", n, e }, algorithms: ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] };
}

function isBase64Url(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9_-]+$/.test(value);
}

function isOfBytes(value: unknown, bytes: number): value is string {
  return isBase64Url(value) && bytesOf(value) === bytes;
}

/** Undefined for a length that no bytes have. */
function bytesOf(base64Url: string): number | undefined {
  return base64Url.length % 4 === 1 ? undefined : Math.floor((base64Url.length * 3) / 4);
}

function refuse(why: string): Result<never> {
  return failure(problem("HDL_MODEL_JWKS", why));
}
