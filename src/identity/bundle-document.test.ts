import { expect, test } from "bun:test";
import { generateSigningKey, jwkOf, publicKeyOfJwk } from "#engine/crypto";
import { valueOrThrow } from "#model";
import { fakeAuthority } from "../../test/fakes/mesh-authority.ts";
import { encodeBundleDocument, parseBundleDocument } from "./bundle-document.ts";

const codec = { jwkOf, publicKeyOfJwk };
const east = fakeAuthority("east.example");
const west = fakeAuthority("west.example");
const key = { keyId: "k1", publicKeyInfo: generateSigningKey().publicKeyInfo };
const revocations = [
  { kind: "identity", spiffeId: "spiffe://east.example/ns/shop/sa/cart", notBeforeUntilMs: 5, expiresAtMs: 9 },
  { kind: "certificate", serial: "7f01", expiresAtMs: 8 },
] as const;
const bundle = { ...east.bundle, sequence: 7, revocations, jwtAuthorities: [key] };
const document = encodeBundleDocument(bundle, 60, codec);
const parsed = JSON.parse(document) as { keys: Record<string, unknown>[] };
const [x509 = {}, jwt = {}] = parsed.keys;

function read(text: string): string {
  const result = parseBundleDocument(text, east.trustDomain, codec);
  return result.ok ? "ok" : result.problems[0].message;
}

test("a bundle is the same after a journey", () => {
  const { bundle: again, refreshHintS } = valueOrThrow(parseBundleDocument(document, east.trustDomain, codec));
  expect([again.sequence, refreshHintS]).toEqual([7, 60]);
  expect(again.revocations).toEqual(revocations);
  expect(again.authorities.map((der) => Buffer.from(der).toString("hex"))).toEqual([
    Buffer.from(east.der).toString("hex"),
  ]);
  expect(again.jwtAuthorities?.map(({ keyId }) => keyId)).toEqual(["k1"]);
  expect(Buffer.from(again.jwtAuthorities?.[0]?.publicKeyInfo ?? []).equals(key.publicKeyInfo)).toBe(true);
  expect([x509["use"], jwt["use"], jwt["kid"]]).toEqual(["x509-svid", "jwt-svid", "k1"]);
});

const revoking = (...heddle_revocations: unknown[]): string => JSON.stringify({ keys: [x509], heddle_revocations });
const cart = { spiffe_id: "spiffe://east.example/ns/shop/sa/cart", not_before_until_ms: 5, expires_at_ms: 9 };
const withKeys = (...keys: unknown[]): string => JSON.stringify({ keys });
const x5c = (der: Uint8Array): string[] => [Buffer.from(der).toString("base64")];

test.each([
  ["keys of other uses and kinds are passed over", withKeys(x509, { use: "sig" }, { kty: "oct" }, 7, null), "ok"],
  ["a JWT key without an id is passed over", withKeys(x509, { ...jwt, kid: undefined }), "ok"],
  ["a symmetric JWT key is passed over", withKeys(x509, { use: "jwt-svid", kid: "x", kty: "oct", k: "AA" }), "ok"],
  ["no JSON", "<html>", "no JSON object"],
  ["a list", "[]", "no JSON object"],
  ["keys that are no list", '{"keys":{}}', "no JSON object"],
  ["no authority", withKeys(jwt), "no X.509 authority"],
  ["two certificates in one key", withKeys({ ...x509, x5c: [...x5c(east.der), ...x5c(east.der)] }), "no single"],
  ["a leaf as authority", withKeys({ ...x509, x5c: x5c(east.leaf("spiffe://east.example/x")) }), "not an authority"],
  ["an authority of another domain", withKeys({ ...x509, x5c: x5c(west.der) }), "is of spiffe://west.example"],
  ["too many keys", withKeys(...Array.from({ length: 200 }, () => x509)), "more than 128"],
  ["too many authorities", withKeys(...Array.from({ length: 17 }, () => x509)), "more than 16"],
  ["too long", " ".repeat(2_100_000) + document, "no JSON object"],
  ["no revocations, as other publishers have none", withKeys(x509), "ok"],
  ["as many revocations as may be", revoking(...Array.from({ length: 4096 }, () => cart)), "ok"],
  ["too many revocations", revoking(...Array.from({ length: 4097 }, () => cart)), "more than 4096"],
  ["revocations that are no list", JSON.stringify({ keys: [x509], heddle_revocations: {} }), "no list"],
  ["the revocation of another's identity", revoking({ ...cart, spiffe_id: "spiffe://west.example/a" }), "not of east"],
  ["a revocation of a kind that is not known", revoking({ key: "k", expires_at_ms: 9 }), "not understood"],
  ["a revocation of two things", revoking({ ...cart, serial: "01" }), "not understood"],
  ["a revocation without a time", revoking({ ...cart, not_before_until_ms: "soon" }), "not understood"],
  ["a revocation of no serial", revoking({ serial: "", expires_at_ms: 9 }), "not understood"],
  ["a revocation that is nothing", revoking(null), "not understood"],
])("of a document: %s", (_, text, verdict) => {
  expect(read(text)).toContain(verdict);
});
