import { expect, test } from "bun:test";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { encodeEncryptedPrivateKey, encodePem } from "#identity";
import {
  encryptUnderPassphrase,
  equalConstantTime,
  generateSigningKey,
  hmacSha256,
  importSigningKey,
  publicKeyKind,
  sha256Hex,
  verifySignature,
} from "./index.ts";

const data = new TextEncoder().encode("warp and weft");

test("a key signs what its public half verifies, and nothing else", () => {
  const key = generateSigningKey();
  const signature = key.sign(data);
  const check = { publicKeyInfo: key.publicKeyInfo, hash: "sha256", data, signature } as const;
  expect(verifySignature(check)).toBe(true);
  expect(verifySignature({ ...check, data: data.subarray(1) })).toBe(false);
  expect(verifySignature({ ...check, signature: Uint8Array.of(1, 2, 3) })).toBe(false);
  expect(verifySignature({ ...check, publicKeyInfo: Uint8Array.of(0x30, 0) })).toBe(false);
  expect(verifySignature({ ...check, publicKeyInfo: generateSigningKey().publicKeyInfo })).toBe(false);
});

test("a key goes through PKCS#8, in the clear and under a passphrase", () => {
  const key = generateSigningKey();
  const clear = importSigningKey(encodePem("PRIVATE KEY", key.exportPkcs8()));
  expect(typeof clear === "object" && equalConstantTime(clear.publicKeyInfo, key.publicKeyInfo)).toBe(true);
  const parts = { salt: new Uint8Array(16).fill(7), iv: new Uint8Array(16).fill(9), iterations: 600_000 };
  const ciphertext = encryptUnderPassphrase(key.exportPkcs8(), { ...parts, passphrase: "right" });
  const pem = encodePem("ENCRYPTED PRIVATE KEY", encodeEncryptedPrivateKey({ ...parts, ciphertext }));
  const opened = importSigningKey(pem, "right");
  expect(typeof opened === "object" && equalConstantTime(opened.publicKeyInfo, key.publicKeyInfo)).toBe(true);
  expect(importSigningKey(pem, "wrong")).toBe("wrong-passphrase");
  expect(importSigningKey(pem)).toBe("passphrase-missing");
  expect(importSigningKey("rubbish")).toBe("not-a-p256-key");
});

test("printing a key shows no secret", () => {
  const key = generateSigningKey();
  expect(Object.keys(JSON.parse(JSON.stringify(key)))).toEqual(["publicKeyInfo"]);
  expect(Bun.inspect(key)).not.toContain("PRIVATE");
});

test("only strong kinds of keys are told", () => {
  const kind = (key: KeyObject): string | undefined => publicKeyKind(key.export({ type: "spki", format: "der" }));
  expect(kind(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey)).toBe("p256");
  expect(kind(generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey)).toBe("p384");
  expect(kind(generateKeyPairSync("ec", { namedCurve: "P-224" }).publicKey)).toBeUndefined();
  expect(kind(generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey)).toBeUndefined();
  expect(publicKeyKind(Uint8Array.of(1))).toBeUndefined();
});

test("digests are the standard's", () => {
  expect(sha256Hex("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // RFC 4231, case 2.
  const hmac = hmacSha256(new TextEncoder().encode("Jefe"), "what do ya want for nothing?");
  expect(Buffer.from(hmac).toString("hex")).toBe("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  expect(equalConstantTime(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
  expect(equalConstantTime(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
  expect(equalConstantTime(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false);
});
