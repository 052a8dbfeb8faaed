import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateSigningKey, importPossessionKey, isSignedBy, verifyJws } from "#engine/crypto";
import { privateFiles } from "#engine/private-files";
import { systemRandom } from "#engine/random";
import {
  bundleSet,
  encodeCertificationRequest,
  parseCertificate,
  parseTrustDomain,
  type TlsIdentity,
  validateJwtSvid,
  validateX509Svid,
  workloadSpiffeId,
} from "#identity";
import { attestedRequest, type JoinTokenAudit, JoinTokens, NodeAttestors } from "#identity/attestation";
import { type Authority, openAuthority } from "#identity/authority";
import { type Result, valueOrThrow } from "#model";
import { CompanyAuthority } from "../../../test/fakes/company-authority.ts";
import { fakeJoinTokenStore } from "../../../test/fakes/join-tokens.ts";
import { fakeAuthority } from "../../../test/fakes/mesh-authority.ts";
import { nobodyBarred, noNodes } from "../../../test/fakes/no-nodes.ts";
import { FakeTime } from "../../../test/fakes/time.ts";
import { Enrolment, type EnrolmentOptions, type EnrolRequest, type SvidGrant, type SvidIssuance } from "./enrolment.ts";
import { OwnIdentity } from "./own-identity.ts";

const trustDomain = valueOrThrow(parseTrustDomain("shop.example"));
const catalog = workloadSpiffeId(trustDomain, "shop", "catalog");
const stranger = { address: "10.0.0.9", spiffeId: undefined };
const member = { address: "10.0.0.9", spiffeId: catalog };
let time: FakeTime;
let folder: string;
let authority: Authority;
let tokens: JoinTokens;
let trail: JoinTokenAudit[];
let issued: SvidIssuance[];

beforeEach(async () => {
  time = new FakeTime(Date.now());
  folder = await mkdtemp(join(tmpdir(), "heddle-enrol-"));
  const edge = { files: privateFiles, clock: time, random: systemRandom };
  authority = valueOrThrow(await openAuthority({ directory: join(folder, "ca"), trustDomain, ...edge }));
  trail = [];
  issued = [];
  const store = fakeJoinTokenStore();
  tokens = new JoinTokens({ store, clock: time, random: systemRandom, audit: (entry) => trail.push(entry) });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function enrolment(more: Partial<EnrolmentOptions> = {}): Enrolment {
  const joining = { joinTokens: tokens, nodes: noNodes, barred: nobodyBarred };
  const base = { authority, ...joining, svidTtlMs: () => 20_000, clock: time, random: systemRandom };
  return new Enrolment({ ...base, onIssued: (each) => issued.push(each), ...more });
}

async function request(more: Partial<EnrolRequest> = {}): Promise<EnrolRequest> {
  const workloads = [{ namespace: "shop", serviceAccount: "catalog" }];
  const asked = { server: "127.0.0.1:7071", rootHash: "ab".repeat(32), workloads, createdBy: "admin" };
  const joinToken = more.joinToken ?? valueOrThrow(await tokens.create(asked)).text;
  const csr = encodeCertificationRequest(generateSigningKey());
  return { namespace: "shop", serviceAccount: "catalog", instance: "catalog-1", csr, ...more, joinToken };
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? "ok" : result.problems[0].code;
}

function whoIs(grant: SvidGrant): string {
  const leaf = valueOrThrow(parseCertificate(grant.certificateChain[0] ?? new Uint8Array()));
  const bundles = bundleSet([{ trustDomain, authorities: grant.authorities, sequence: 1 }]);
  return valueOrThrow(validateX509Svid(leaf, { nowMs: time.nowMs(), bundles, isSignedBy })).uri;
}

describe("enrolment", () => {
  test("gives the workload of the token its SVID and the bundle, and records it", async () => {
    const grant = valueOrThrow(await enrolment().enrol(await request(), stranger));
    expect(whoIs(grant)).toBe(catalog.uri);
    expect([grant.spiffeId, grant.trustDomain]).toEqual([catalog.uri, "shop.example"]);
    expect(grant.authorities).toEqual(authority.bundle.authorities);
    const record = { by: "enrol", spiffeId: catalog, instance: "catalog-1", peerAddress: "10.0.0.9" };
    expect(issued).toMatchObject([record]);
    expect(issued[0]?.tokenId).toBe(trail.at(-1)?.tokenId ?? "");
  });

  test("takes evidence once a nonce, within a minute, on the connection that asked, and not from a guesser without end", async () => {
    const company = await CompanyAuthority.found();
    const spec = {
      attestor: { kind: "x509pop" as const, caCertificates: company.pem },
      identities: [{ workloads: ["shop/catalog"], where: {} }],
    };
    const metadata = { name: "hosts", namespace: "", labels: {}, annotations: {} };
    const resource = { apiVersion: "heddle.dev/v1" as const, kind: "NodeAttestation" as const, metadata, spec };
    const nodes = new NodeAttestors({
      attestations: () => [resource],
      barred: nobodyBarred,
      clock: time,
      audit: () => undefined,
    });
    const server = enrolment({ nodes });
    const host = await company.host({ subject: "CN=host-1" });
    const key = importPossessionKey(host.keyPem);
    const asked = await request({ joinToken: "" });
    const proved = (nonce: Uint8Array): EnrolRequest => {
      const signature = key?.sign(attestedRequest({ ...asked, nonce })) ?? new Uint8Array();
      return { ...asked, evidence: { kind: "x509pop", chain: host.chain, signature } };
    };
    const first = proved(valueOrThrow(server.challenge(stranger)));
    expect(whoIs(valueOrThrow(await server.enrol(first, stranger)))).toBe(catalog.uri);
    expect(codeOf(await server.enrol(first, stranger))).toBe("HDL_ATTESTATION_CHALLENGE");
    const elsewhere = { ...stranger };
    const stolen = proved(valueOrThrow(server.challenge(stranger)));
    expect(codeOf(await server.enrol(stolen, elsewhere))).toBe("HDL_ATTESTATION_CHALLENGE");
    valueOrThrow(server.challenge(elsewhere));
    expect(codeOf(await server.enrol(stolen, elsewhere))).toBe("HDL_ATTESTATION_EVIDENCE");
    const late = proved(valueOrThrow(server.challenge(stranger)));
    time.advance(60_001);
    expect(codeOf(await server.enrol(late, stranger))).toBe("HDL_ATTESTATION_CHALLENGE");
    const codes = new Set<string>();
    for (let turn = 0; turn < 30; turn++) codes.add(codeOf(await server.enrol(late, stranger)));
    expect([...codes]).toEqual(["HDL_ATTESTATION_CHALLENGE", "HDL_ENROLMENT_RATE"]);
    expect(codeOf(server.challenge(stranger))).toBe("HDL_ENROLMENT_RATE");
  });

  test("refuses a token that was used before", async () => {
    const server = enrolment();
    const first = await request();
    valueOrThrow(await server.enrol(first, stranger));
    const thief = await request({ joinToken: first.joinToken });
    expect(codeOf(await server.enrol(thief, { ...stranger, address: "10.6.6.6" }))).toBe("HDL_ATTESTATION_TOKEN_USED");
    expect(trail.at(-1)).toMatchObject({
      kind: "token-refused",
      actor: "10.6.6.6",
      code: "HDL_ATTESTATION_TOKEN_USED",
    });
    expect(issued).toHaveLength(1);
  });

  test("does not use up the token for a request that could not be granted", async () => {
    const server = enrolment();
    const good = await request();
    const mine = generateSigningKey();
    const { publicKeyInfo } = generateSigningKey();
    const borrowed = encodeCertificationRequest({ publicKeyInfo, sign: mine.sign });
    const attempts: readonly [Partial<EnrolRequest>, string][] = [
      [{ csr: Uint8Array.of(1, 2, 3) }, "HDL_IDENTITY_REQUEST_MALFORMED"],
      [{ csr: borrowed }, "HDL_AUTHORITY_POSSESSION_UNPROVEN"],
      [{ serviceAccount: "payments" }, "HDL_ATTESTATION_TOKEN_WORKLOAD"],
      [{ serviceAccount: "a/../../sa/payments" }, "HDL_ENROLMENT_NAME"],
      [{ namespace: "shop/sa/x" }, "HDL_ENROLMENT_NAME"],
      [{ instance: "" }, "HDL_ENROLMENT_NAME"],
    ];
    for (const [wrong, code] of attempts)
      expect(codeOf(await server.enrol({ ...good, ...wrong }, stranger))).toBe(code);
    expect(codeOf(await server.enrol(good, stranger))).toBe("ok");
  });

  test("stops an address that guesses, soon, and no other", async () => {
    const server = enrolment();
    const codes: string[] = [];
    for (let guess = 0; guess < 30; guess++) {
      const text = await request({ joinToken: "hjt1.e30" });
      codes.push(codeOf(await server.enrol(text, { ...stranger, address: "10.6.6.6" })));
    }
    expect(codes.filter((code) => code !== "HDL_ENROLMENT_RATE").length).toBeLessThanOrEqual(11);
    expect(codes.at(-1)).toBe("HDL_ENROLMENT_RATE");
    expect(codeOf(await server.enrol(await request(), stranger))).toBe("ok");
    time.advance(20_000);
    expect(codeOf(await server.enrol(await request(), { ...stranger, address: "10.6.6.6" }))).toBe("ok");
  });
});

describe("a token", () => {
  test("is signed for who the peer proved to be, and for an audience", () => {
    const minted = valueOrThrow(enrolment().mintJwt(["orders"], member));
    const checks = {
      audience: "orders",
      nowMs: time.nowMs(),
      bundles: bundleSet([authority.bundle]),
      verify: verifyJws,
    };
    expect(valueOrThrow(validateJwtSvid(minted.token, checks)).id.uri).toBe(catalog.uri);
    expect(minted.expiresAtMs - time.nowMs()).toBeLessThanOrEqual(300_000);
    expect(codeOf(enrolment().mintJwt([], member))).toBe("HDL_IDENTITY_JWT_INVALID");
    expect(codeOf(enrolment().mintJwt(["orders"], stranger))).toBe("HDL_ENROLMENT_NO_IDENTITY");
    const foreign = {
      ...member,
      spiffeId: workloadSpiffeId(valueOrThrow(parseTrustDomain("other.example")), "shop", "x"),
    };
    expect(codeOf(enrolment().mintJwt(["orders"], foreign))).toBe("HDL_ENROLMENT_NO_IDENTITY");
  });

  test("can be asked for so often only, and renewal goes on", () => {
    const server = enrolment({ limits: { mint: { burst: 2, perSecond: 1, peerCountMax: 10 } } });
    const codes = [1, 2, 3].map(() => codeOf(server.mintJwt(["orders"], member)));
    expect(codes).toEqual(["ok", "ok", "HDL_ENROLMENT_RATE"]);
    const csr = encodeCertificationRequest(generateSigningKey());
    expect(codeOf(server.renew({ instance: "catalog-1", csr }, member))).toBe("ok");
  });
});

describe("renewal", () => {
  test("gives the caller its own identity again, whoever else it might like to be", async () => {
    const server = enrolment();
    const asked = { instance: "catalog-1", csr: encodeCertificationRequest(generateSigningKey()) };
    const sly = {
      ...asked,
      namespace: "shop",
      serviceAccount: "payments",
      spiffeId: "spiffe://shop.example/ns/shop/sa/payments",
    };
    expect(whoIs(valueOrThrow(server.renew(sly, member)))).toBe(catalog.uri);
    expect(issued).toMatchObject([{ by: "renew", spiffeId: catalog, tokenId: "" }]);
  });

  test("needs a certificate of this trust domain", () => {
    const asked = { instance: "catalog-1", csr: encodeCertificationRequest(generateSigningKey()) };
    expect(codeOf(enrolment().renew(asked, stranger))).toBe("HDL_ENROLMENT_NO_IDENTITY");
    const { spiffeId } = fakeAuthority("other.example").identity("shop/catalog");
    expect(codeOf(enrolment().renew(asked, { ...stranger, spiffeId }))).toBe("HDL_ENROLMENT_NO_IDENTITY");
  });

  test("takes the life of an SVID from the settings of the moment", () => {
    let ttlMs = 20_000;
    const server = enrolment({ svidTtlMs: () => ttlMs });
    const asked = { instance: "catalog-1", csr: encodeCertificationRequest(generateSigningKey()) };
    valueOrThrow(server.renew(asked, member));
    ttlMs = 3_600_000;
    valueOrThrow(server.renew(asked, member));
    const lives = issued.map((each) => Math.ceil((each.notAfterMs - time.nowMs()) / 1000));
    expect(lives).toEqual([20, 3600]);
  });

  test("is bounded for each address", () => {
    const limits = { renew: { burst: 3, perSecond: 1, peerCountMax: 2 } };
    const server = enrolment({ limits });
    const asked = { instance: "catalog-1", csr: encodeCertificationRequest(generateSigningKey()) };
    const codes = Array.from({ length: 4 }, () => codeOf(server.renew(asked, member)));
    expect(codes).toEqual(["ok", "ok", "ok", "HDL_ENROLMENT_RATE"]);
    time.advance(1000);
    expect(codeOf(server.renew(asked, member))).toBe("ok");
  });
});

describe("the server's own identity", () => {
  test("is renewed at about half of its life until it is stopped", () => {
    const rotated: TlsIdentity[] = [];
    const options = { authority, clock: time, timers: time, random: systemRandom };
    const own = new OwnIdentity({
      ...options,
      onRotated: (identity) => rotated.push(identity),
      onFailure: (failed) => expect(failed).toBeUndefined(),
    });
    const first = valueOrThrow(own.start());
    expect(first.spiffeId.uri).toBe("spiffe://shop.example/ns/heddle-system/sa/heddle-server");
    expect(first.certificateChainPem.match(/BEGIN CERTIFICATE/g)).toHaveLength(3);
    time.advance(26 * 60_000);
    expect(rotated).toHaveLength(0);
    time.advance(8 * 60_000);
    expect(rotated).toHaveLength(1);
    expect(rotated[0]?.privateKeyPem).not.toBe(first.privateKeyPem);
    own.stop();
    time.advance(3_600_000);
    expect([rotated.length, time.pending]).toEqual([1, 0]);
  });
});
