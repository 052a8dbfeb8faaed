import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import "reflect-metadata";
import fc from "fast-check";
import { generateSigningKey, publicKeyKind, verifySignature } from "#engine/crypto";
import { valueOrThrow } from "#model";
import { fakeAuthority } from "../../test/fakes/mesh-authority.ts";
import {
  decodePem,
  encodeCertificationRequest,
  encodePem,
  parseCertificate,
  parseCertificationRequest,
} from "./index.ts";

const authority = fakeAuthority();
const uri = "spiffe://test.example/ns/shop/sa/catalog";

test("what is encoded is read back, and the engine's own reader agrees", () => {
  const der = authority.leaf(uri, { notAfterMs: Date.UTC(2055, 1, 2, 3, 4, 5), serial: Uint8Array.of(0, 0x80, 1, 2) });
  const facts = valueOrThrow(parseCertificate(der));
  const engine = new X509Certificate(der);
  expect(facts).toMatchObject({
    uriSans: [uri],
    dnsSans: ["catalog.shop.sa.test.example"],
    isCa: false,
    hasSubject: false,
    sanCritical: true,
    keyUsage: { digitalSignature: true, keyCertSign: false, crlSign: false, critical: true },
    extendedKeyUsage: ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"],
    unknownCritical: [],
    serial: "800102",
    notAfterMs: Date.UTC(2055, 1, 2, 3, 4, 5),
  });
  expect(engine.subjectAltName).toBe(`URI:${uri}, DNS:catalog.shop.sa.test.example`);
  expect(engine.ca).toBe(false);
  expect(engine.serialNumber.toLowerCase()).toBe("800102");
  expect(new Date(engine.validTo).getTime()).toBe(facts.notAfterMs);
  expect(engine.publicKey.export({ type: "spki", format: "der" })).toEqual(Buffer.from(facts.publicKeyInfo));
});

test("an authority says that it is one", () => {
  const facts = valueOrThrow(parseCertificate(authority.der));
  expect(facts).toMatchObject({ isCa: true, hasSubject: true, keyUsage: { keyCertSign: true, crlSign: true } });
});

test("bytes that were damaged are read or refused, never thrown at", () => {
  const good = authority.leaf(uri);
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, octet, length) => {
      const damaged = Uint8Array.from(good);
      damaged[at] = octet;
      parseCertificate(damaged);
      parseCertificationRequest(damaged);
      return !parseCertificate(good.subarray(0, length)).ok || length === good.length;
    }),
    { numRuns: 2000 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => !parseCertificate(bytes).ok));
});

test("where the engine's own reader sees names in a damaged certificate, they are the same names", () => {
  const good = authority.leaf(uri);
  const engineUris = (der: Uint8Array): string | undefined => {
    try {
      const names = new X509Certificate(der).subjectAltName ?? "";
      return names.includes('"') || names === "" ? undefined : [...names.matchAll(/URI:([^,]*)/g)].join("\n");
    } catch {
      return undefined;
    }
  };
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, octet) => {
      const damaged = Uint8Array.from(good);
      damaged[at] = octet;
      const facts = parseCertificate(damaged);
      const uris = engineUris(damaged);
      if (facts.ok && uris !== undefined)
        expect(facts.value.uriSans.map((each) => `URI:${each},${each}`).join("\n")).toBe(uris);
    }),
    { numRuns: 3000 },
  );
});

test("bytes after a certificate are refused", () => {
  const good = authority.leaf(uri);
  expect(parseCertificate(Uint8Array.from([...good, 0])).ok).toBe(false);
  expect(parseCertificate(new Uint8Array(16_385)).ok).toBe(false);
});

test("a request proves possession, and an independent reader agrees", async () => {
  const key = generateSigningKey();
  const csr = encodeCertificationRequest(key);
  const request = valueOrThrow(parseCertificationRequest(csr));
  expect(verifySignature({ ...request, data: request.signedBytes })).toBe(true);
  expect(publicKeyKind(request.publicKeyInfo)).toBe("p256");
  const { Pkcs10CertificateRequest } = await import("@peculiar/x509");
  const independent = new Pkcs10CertificateRequest(csr);
  expect(await independent.verify()).toBe(true);
  expect(independent.subject).toBe("");
});

test("PEM goes there and back, and other blocks are passed over", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }), (blocks) => {
      const pem = blocks.map((each) => encodePem("CERTIFICATE", each)).join("noise\n");
      expect(decodePem("CERTIFICATE", `${pem}${encodePem("PRIVATE KEY", Uint8Array.of(1))}`)).toEqual(blocks);
    }),
  );
  expect(decodePem("CERTIFICATE", "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----")).toEqual([]);
});
