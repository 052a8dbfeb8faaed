import { describe, expect, test } from "bun:test";
import { createHmac, createSign, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { generateSigningKey, verifyJws } from "#engine/crypto";
import { valueOrThrow } from "#model";
import { bundleSet } from "./bundle.ts";
import { audienceFault, jwtSvidInput, validateJwtSvid } from "./jwt-svid.ts";
import { parseSpiffeId, parseTrustDomain } from "./spiffe-id.ts";

const NOW_MS = 1_800_000_000_000;
const trustDomain = valueOrThrow(parseTrustDomain("shop.example"));
const cart = valueOrThrow(parseSpiffeId("spiffe://shop.example/ns/shop/sa/cart"));
const key = generateSigningKey();
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const weak = generateKeyPairSync("rsa", { modulusLength: 1024 });
const infoOf = (of: KeyObject): Uint8Array => of.export({ type: "spki", format: "der" });
const bundle = {
  trustDomain,
  authorities: [],
  sequence: 1,
  jwtAuthorities: [
    { keyId: "k1", publicKeyInfo: key.publicKeyInfo },
    { keyId: "rsa", publicKeyInfo: infoOf(rsa.publicKey) },
    { keyId: "weak", publicKeyInfo: infoOf(weak.publicKey) },
  ],
};
const other = { ...bundle, trustDomain: valueOrThrow(parseTrustDomain("other.example")), jwtAuthorities: [] };
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const claims = { sub: cart.uri, aud: "orders", exp: NOW_MS / 1000 + 60, iat: NOW_MS / 1000 };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function signed(header: object, payload: unknown, by: (input: Uint8Array) => Uint8Array = key.signJws): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${Buffer.from(by(bytes(input))).toString("base64url")}`;
}

function judge(token: string, audience = "orders", revocations: object = {}): string {
  const bundles = bundleSet([{ ...bundle, ...revocations }, other]);
  const valid = validateJwtSvid(token, { audience, nowMs: NOW_MS, bundles, verify: verifyJws });
  return valid.ok ? `${valid.value.id.uri} until ${valid.value.expiresAtMs - NOW_MS}` : valid.problems[0].message;
}

const GOOD = `${cart.uri} until 60000`;
const es256 = { alg: "ES256", kid: "k1", typ: "JWT" };

describe("a JWT-SVID", () => {
  test("as it is issued is accepted, for each of its audiences", () => {
    const terms = {
      spiffeId: cart,
      audience: ["orders", "payments"],
      issuedAtMs: NOW_MS,
      expiresAtMs: NOW_MS + 60_000,
    };
    const input = jwtSvidInput({ ...terms, issuer: "https://shop.example" }, "k1");
    const token = `${input}.${Buffer.from(key.signJws(bytes(input))).toString("base64url")}`;
    expect([judge(token), judge(token, "payments")]).toEqual([GOOD, GOOD]);
    expect(judge(token, "stock")).toContain("another audience");
  });

  test.each([
    ["RS256", (input: Uint8Array) => createSign("sha256").update(input).sign(rsa.privateKey), GOOD],
    ["PS256", (input: Uint8Array) => sign("sha256", input, { key: rsa.privateKey, padding: 6, saltLength: 32 }), GOOD],
    ["RS512", (input: Uint8Array) => createSign("sha512").update(input).sign(rsa.privateKey), GOOD],
    ["RS384", (input: Uint8Array) => createSign("sha512").update(input).sign(rsa.privateKey), "not by that key"],
    ["ES256", (input: Uint8Array) => key.signJws(input), "not by that key"],
  ])("by an RSA key is judged by %s alone", (alg, by, verdict) => {
    expect(judge(signed({ alg, kid: "rsa" }, claims, by))).toContain(verdict);
  });

  const attacks: readonly (readonly [string, string, string])[] = [
    ["alg none", `${encode({ alg: "none" })}.${encode(claims)}.`, 'algorithm "none"'],
    [
      "HMAC with the public key as secret",
      signed({ alg: "HS256", kid: "k1" }, claims, (input) =>
        createHmac("sha256", key.publicKeyInfo).update(input).digest(),
      ),
      'algorithm "HS256"',
    ],
    ["an algorithm of the prototype", signed({ ...es256, alg: "toString" }, claims), "algorithm"],
    ["another key of the same id", signed(es256, claims, generateSigningKey().signJws), "not by that key"],
    ["a key that nobody knows", signed({ ...es256, kid: "k9" }, claims), 'no key "k9"'],
    ["no key id", signed({ alg: "ES256" }, claims), "no key undefined"],
    [
      "a weak RSA key",
      signed({ alg: "RS256", kid: "weak" }, claims, (input) =>
        createSign("sha256").update(input).sign(weak.privateKey),
      ),
      "not by that key",
    ],
    [
      "the key of another domain",
      signed(es256, { ...claims, sub: "spiffe://other.example/ns/shop/sa/cart" }),
      "is trusted",
    ],
    ["a domain that nobody trusts", signed(es256, { ...claims, sub: "spiffe://evil.example/x" }), "is trusted"],
    ["a subject that is no workload", signed(es256, { ...claims, sub: "spiffe://shop.example" }), "not a workload"],
    ["a subject that is no SPIFFE ID", signed(es256, { ...claims, sub: "cart" }), "no SPIFFE ID"],
    ["no subject", signed(es256, { ...claims, sub: undefined }), "no SPIFFE ID"],
    ["expired", signed(es256, { ...claims, exp: NOW_MS / 1000 }), "expired"],
    ["no expiry", signed(es256, { ...claims, exp: undefined }), "expired"],
    ["expiry as text", signed(es256, { ...claims, exp: "9999999999" }), "expired"],
    ["not valid yet", signed(es256, { ...claims, nbf: NOW_MS / 1000 + 1 }), "not valid yet"],
    ["a foreign audience", signed(es256, { ...claims, aud: ["stock"] }), "another audience"],
    ["no audience", signed(es256, { ...claims, aud: undefined }), "another audience"],
    ["a token of another type", signed({ ...es256, typ: "at+jwt" }, claims), "typ"],
    ["critical headers", signed({ ...es256, crit: ["b64"], b64: false }, claims), "critical"],
    [
      "claims changed after signing",
      signed(es256, claims).replace(encode(claims), encode({ ...claims, aud: ["orders", "x"] })),
      "not by that key",
    ],
    ["claims that are a list", signed(es256, [claims]), "no signed JWT"],
    ["two parts", signed(es256, claims).split(".").slice(0, 2).join("."), "no signed JWT"],
    ["too long", signed(es256, { ...claims, pad: "x".repeat(9000) }), "no signed JWT"],
    ["garbage", "a.b.c", "no signed JWT"],
  ];
  test.each(attacks)("is refused: %s", (_, token, why) => {
    expect(judge(token)).toContain(why);
  });

  test("of an identity that was revoked goes with it, one that was issued later does not", () => {
    const revocation = {
      kind: "identity",
      spiffeId: cart.uri,
      notBeforeUntilMs: NOW_MS - 30_000,
      expiresAtMs: NOW_MS + 1,
    };
    const revoked = { revocations: [revocation] };
    expect(judge(signed(es256, claims), "orders", revoked)).toContain("revoked");
    expect(judge(signed(es256, { ...claims, iat: undefined }), "orders", revoked)).toContain("revoked");
    expect(judge(signed(es256, { ...claims, iat: claims.iat + 1 }), "orders", revoked)).toBe(GOOD);
  });
});

test("audiences that cannot be asked for say why", () => {
  expect(audienceFault(["orders"])).toBeUndefined();
  for (const each of [[], [""], ["x".repeat(2000)], Array.from({ length: 17 }, String)])
    expect(audienceFault(each)).toBeString();
});
