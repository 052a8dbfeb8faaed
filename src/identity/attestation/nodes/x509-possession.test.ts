import { beforeAll, describe, expect, test } from "bun:test";
import { importPossessionKey, sha256Hex } from "#engine/crypto";
import { type NodeAttestor, type Result, valueOrThrow } from "#model";
import { CompanyAuthority, type HostCertificate } from "../../../../test/fakes/company-authority.ts";
import { attestedRequest } from "./evidence.ts";
import { attestPossession } from "./x509-possession.ts";

const HOUR_MS = 3_600_000;
const asked = { namespace: "edge", serviceAccount: "host-1", instance: "host-1", csr: Uint8Array.of(1, 2, 3) };
const nonce = new Uint8Array(32).fill(7);
const request = attestedRequest({ ...asked, nonce });
let company: CompanyAuthority;
let attestor: Extract<NodeAttestor, { kind: "x509pop" }>;

beforeAll(async () => {
  company = await CompanyAuthority.found();
  attestor = { kind: "x509pop", caCertificates: company.pem };
});

function prove({ chain, keyPem }: HostCertificate, over = request) {
  const signature = importPossessionKey(keyPem)?.sign(over) ?? new Uint8Array();
  return { kind: "x509pop" as const, chain, signature };
}

const attest = (evidence: ReturnType<typeof prove>, nowMs = Date.now()) =>
  attestPossession(evidence, attestor, { request, nowMs });

const told = (result: Result<unknown>): string => (result.ok ? "ok" : result.problems[0].message);

describe("possession of a company's certificate", () => {
  test.each(["EC", "RSA"] as const)("is proved by an %s key, and tells who the host is", async (algorithm) => {
    const host = await company.host({
      subject: "CN=host-1, OU=edge, O=Company",
      algorithm,
      dnsNames: ["host-1.example"],
      uris: ["urn:host:1"],
    });
    const node = valueOrThrow(attest(prove(host)));
    const fingerprint = sha256Hex(host.chain[0] ?? "");
    expect(node.name).toBe(`certificate ${fingerprint}`);
    expect(node.facts).toMatchObject({
      fingerprint: [fingerprint],
      commonName: ["host-1"],
      organization: ["Company"],
      organizationalUnit: ["edge"],
      dnsName: ["host-1.example"],
      uri: ["urn:host:1"],
    });
  });

  test("goes by way of an authority between, not by more of them than it may have below it", async () => {
    const between = await company.intermediate("CN=hosts", 0);
    expect(told(attest(prove(await between.host({ subject: "CN=a" }))))).toBe("ok");
    const deeper = await between.intermediate("CN=too deep");
    expect(told(attest(prove(await deeper.host({ subject: "CN=a" }))))).toContain("no authority that is known");
  });

  test("is for one request only: another nonce, key, or identity is another", async () => {
    const host = await company.host({ subject: "CN=host-1" });
    for (const other of [
      { ...asked, nonce: new Uint8Array(32).fill(8) },
      { ...asked, nonce, csr: Uint8Array.of(9) },
      { ...asked, nonce, namespace: "bank" },
      { ...asked, nonce, serviceAccount: "host-2" },
      { ...asked, nonce, instance: "host-2" },
    ])
      expect(told(attest(prove(host, attestedRequest(other))))).toContain("not signed by the certificate's key");
  });

  test("is refused of somebody else's certificate, and without one", async () => {
    const host = await company.host({ subject: "CN=host-1" });
    const thief = await company.host({ subject: "CN=thief" });
    expect(told(attest({ ...prove(thief), chain: host.chain }))).toContain("not signed by the certificate's key");
    expect(told(attest({ ...prove(host), chain: [] }))).toContain("cannot be read");
    expect(told(attest({ ...prove(host), chain: [Uint8Array.of(0x30)] }))).toContain("cannot be read");
    expect(
      told(attest({ ...prove(host), chain: Array.from({ length: 9 }, () => host.chain[0] ?? new Uint8Array()) })),
    ).toContain("too long");
    expect(told(attest({ ...prove(host), signature: new Uint8Array(2000) }))).toContain("too long");
  });

  test("is refused of a foreign authority, though it bears the same name", async () => {
    const foreign = await CompanyAuthority.found();
    expect(told(attest(prove(await foreign.host({ subject: "CN=host-1" }))))).toContain("no authority that is known");
    const between = await foreign.intermediate("CN=hosts");
    const leaf = await between.host({ subject: "CN=host-1" });
    expect(told(attest({ ...prove(leaf), chain: [...leaf.chain, company.der] }))).toContain(
      "no authority that is known",
    );
  });

  test("is refused of a leaf that signs as if it were an authority", async () => {
    const { X509Certificate } = await import("@peculiar/x509");
    const host = await company.host({ subject: "CN=host-1", keyUsage: 1 });
    expect(new X509Certificate(Buffer.from(host.chain[0] ?? "")).subject).toBe("CN=host-1");
    // A chain whose second certificate is a leaf: nothing below a leaf is vouched for.
    const foreign = await CompanyAuthority.found("CN=host-1");
    const below = await foreign.host({ subject: "CN=victim" });
    expect(told(attest({ ...prove(below), chain: [...below.chain, ...host.chain] }))).toContain(
      "no authority that is known",
    );
    expect(told(attest({ ...prove(below), chain: [company.der] }))).toContain("of its certificate");
  });

  test.each([
    ["expired", { notAfterMs: Date.now() - HOUR_MS }, "has expired"],
    ["not valid yet", { notBeforeMs: Date.now() + HOUR_MS }, "not valid yet"],
    ["for signing code", { extendedKeyUsage: ["1.3.6.1.5.5.7.3.3"] }, "not for client authentication"],
    ["for key agreement", { keyUsage: 16 }, "may not sign"],
    ["of a weak key", { algorithm: "weak" }, "not signed by the certificate's key"],
  ] as const)("is refused of a certificate that is %s", async (_, wrong, why) => {
    const host = await company.host({ subject: "CN=host-1", ...wrong });
    expect(told(attest(prove(host)))).toContain(why);
  });

  test("is refused where the authority signs by SHA-1", async () => {
    const old = await CompanyAuthority.found("CN=old root", "SHA-1");
    const proof = prove(await old.host({ subject: "CN=host-1" }));
    const told1 = attestPossession(proof, { kind: "x509pop", caCertificates: old.pem }, { request, nowMs: Date.now() });
    expect(told(told1)).toContain("in a way that is not accepted");
  });
});
