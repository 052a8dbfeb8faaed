/** Somebody who signs tokens, as an identity provider does; and what an attacker would make of its tokens. */
import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import type { TokenRule } from "#authentication";
import type { TokenAlgorithm } from "#model";

export const encode = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

export interface SigningIssuer {
  readonly issuer: string;
  readonly kid: string;
  readonly publicKey: KeyObject;
  /** As the issuer publishes it. */
  readonly jwk: Readonly<Record<string, unknown>>;
  readonly jwks: string;
  /** A token that is valid for a minute, but for what is said. `undefined` leaves a claim out. */
  token(claims?: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): string;
}

export interface IssuerOptions {
  readonly algorithm?: TokenAlgorithm;
  readonly kid?: string;
  /** A new one unless given. */
  readonly privateKey?: KeyObject;
}

function keyFor(algorithm: TokenAlgorithm): KeyObject {
  if (algorithm === "EdDSA") return generateKeyPairSync("ed25519").privateKey;
  if (algorithm === "ES256") return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  if (algorithm === "ES384") return generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
  return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
}

/** The key of a seed of 32 bytes (RFC 8410 §7). */
export function ed25519Key(seed: Uint8Array): KeyObject {
  const prefix = Buffer.from("302e020100300506032b657004220420", "hex");
  return createPrivateKey({ key: Buffer.concat([prefix, seed]), format: "der", type: "pkcs8" });
}

function signatureOf(algorithm: TokenAlgorithm, data: string, key: KeyObject): Buffer {
  const bytes = Buffer.from(data);
  if (algorithm === "EdDSA") return sign(null, bytes, key);
  const hash = `sha${algorithm.slice(2)}`;
  if (algorithm.startsWith("ES")) return sign(hash, bytes, { key, dsaEncoding: "ieee-p1363" });
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return sign(hash, bytes, algorithm.startsWith("PS") ? { key, ...pss } : key);
}

export function signingIssuer(
  issuer = "https://id.example",
  { algorithm = "ES256", kid = "k1", privateKey = keyFor(algorithm) }: IssuerOptions = {},
): SigningIssuer {
  const publicKey = createPublicKey(privateKey);
  const jwk = { ...publicKey.export({ format: "jwk" }), kid };
  return {
    issuer,
    kid,
    publicKey,
    jwk,
    jwks: JSON.stringify({ keys: [jwk] }),
    token(claims = {}, header = {}) {
      const nowS = Math.floor(Date.now() / 1000);
      const head = encode({ alg: algorithm, typ: "JWT", kid, ...header });
      const data = `${head}.${encode({ iss: issuer, sub: "ada", iat: nowS, exp: nowS + 60, ...claims })}`;
      return `${data}.${signatureOf(algorithm, data, privateKey).toString("base64url")}`;
    },
  };
}

/** The classic confusion: an HMAC whose secret is the issuer's public key. */
export function hmacToken({ issuer, kid, publicKey }: SigningIssuer, algorithm = "HS256"): string {
  const data = `${encode({ alg: algorithm, kid })}.${encode({ iss: issuer, sub: "ada", exp: Math.floor(Date.now() / 1000) + 60 })}`;
  const pem = publicKey.export({ type: "spki", format: "pem" });
  return `${data}.${createHmac("sha256", pem).update(data).digest("base64url")}`;
}

/** `RequestAuthentication/shop/people`, which takes the issuer's tokens where tokens usually are. */
export function tokenRule(from: SigningIssuer, change: Partial<TokenRule> = {}): TokenRule {
  return {
    label: "RequestAuthentication/shop/people",
    issuer: from.issuer,
    audiences: [],
    jwks: from.jwks,
    from: { headers: [], params: [], cookies: [] },
    output: { payloadHeader: "", claimHeaders: [] },
    isForwarded: false,
    ...change,
  };
}
