import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { parseJsonWebKeys, writeJsonWebKeys } from "./json-web-keys.ts";

type Key = object;

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const RSA = rsa.publicKey.export({ format: "jwk" });
const P256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });
const P384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey.export({ format: "jwk" });
const P521 = generateKeyPairSync("ec", { namedCurve: "P-521" }).publicKey.export({ format: "jwk" });
const ED = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
const WEAK = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "jwk" });

const algorithmsOf = (...keys: Key[]): unknown => {
  const parsed = parseJsonWebKeys(JSON.stringify({ keys }));
  return parsed.ok ? parsed.value.map(({ algorithms }) => algorithms.join(" ")) : parsed.problems[0].message;
};

describe("a set of keys", () => {
  test.each([
    ["RSA", RSA, "RS256 RS384 RS512 PS256 PS384 PS512"],
    ["RSA for one algorithm", { ...RSA, alg: "PS256" }, "PS256"],
    ["P-256", P256, "ES256"],
    ["P-384", P384, "ES384"],
    ["Ed25519", ED, "EdDSA"],
    ["a key for signatures", { ...P256, use: "sig", key_ops: ["verify"] }, "ES256"],
  ])("takes %s", (_name, key, want) => {
    expect(algorithmsOf(key)).toEqual([want]);
  });

  test.each<[string, Key]>([
    ["a shared secret", { kty: "oct", k: "c2VjcmV0" }],
    ["weak RSA", WEAK],
    ["another curve", P521],
    ["a key for encryption", { ...RSA, use: "enc" }],
    ["a key that may not verify", { ...RSA, key_ops: ["encrypt"] }],
    ["an algorithm of another type", { ...RSA, alg: "ES256" }],
    ["a shared secret's algorithm", { ...RSA, alg: "HS256" }],
    ["a point that is too short", { ...P256, x: "AAAA" }],
    ["a huge exponent", { ...RSA, e: "A".repeat(342) }],
    ["a kid that is no text", { ...P256, kid: 1 }],
  ])("passes over %s", (_name, key) => {
    expect(algorithmsOf(key, ED)).toEqual(["EdDSA"]);
    expect(algorithmsOf(key)).toContain("no public key");
  });

  test.each([
    ["nothing", ""],
    ["another object", "{}"],
    ["a list", "[]"],
    ["null", "null"],
    ["keys that are no list", '{"keys":{}}'],
    ["too many keys", `{"keys":[${"null,".repeat(64)}null]}`],
    ["a text that is too long", " ".repeat(70_000)],
  ])("is not %s", (_name, text) => {
    expect(parseJsonWebKeys(text).ok).toBe(false);
  });

  test("is written without anything private, and read again is the same", () => {
    const secret = { ...rsa.privateKey.export({ format: "jwk" }), kid: "a", x5c: ["abc"] };
    const parsed = parseJsonWebKeys(
      JSON.stringify({ keys: [secret, { ...P256, kid: "b" }, ED, { ...RSA, alg: "RS512" }] }),
    );
    if (!parsed.ok) throw new Error(parsed.problems[0].message);
    const text = writeJsonWebKeys(parsed.value);
    expect(text).not.toContain('"d"');
    expect(text).not.toContain("x5c");
    expect(parseJsonWebKeys(text)).toEqual(parsed);
  });
});
