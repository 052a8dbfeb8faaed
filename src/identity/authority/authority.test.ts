import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "reflect-metadata";
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from "@peculiar/x509";
import { generateSigningKey, isSignedBy, publicKeyKind, verifyJws } from "#engine/crypto";
import { privateFiles } from "#engine/private-files";
import { systemRandom } from "#engine/random";
import {
  bundleSet,
  decodePem,
  encodeCertificationRequest,
  encodePem,
  parseCertificate,
  parseTrustDomain,
  serverSpiffeId,
  validateJwtSvid,
  validateX509Svid,
  workloadSpiffeId,
} from "#identity";
import { failure, problem, type Result, valueOrThrow } from "#model";
import { FakeTime } from "../../../test/fakes/time.ts";
import { type Authority, openAuthority } from "./index.ts";
import { type AuthorityState, advance } from "./journal.ts";

const trustDomain = valueOrThrow(parseTrustDomain("shop.example"));
const catalog = workloadSpiffeId(trustDomain, "shop", "catalog");
const DAY_MS = 86_400_000;
let directory: string;
let time: FakeTime;

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), "heddle-ca-")), "ca");
  time = new FakeTime(Date.now());
});
afterEach(() => rm(join(directory, ".."), { recursive: true, force: true }));

function open(passphrase?: string, domain = trustDomain): Promise<Result<Authority>> {
  const options = { directory, trustDomain: domain, files: privateFiles, clock: time, random: systemRandom };
  return openAuthority({ ...options, ...(passphrase === undefined ? {} : { passphrase }) });
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? "ok" : result.problems[0].code;
}

function request(): Uint8Array {
  return encodeCertificationRequest(generateSigningKey());
}

function openssl(...args: readonly string[]): string {
  const run = Bun.spawnSync(["openssl", ...args], { stderr: "pipe" });
  return run.stdout.toString() + run.stderr.toString();
}

async function onDisk(pems: Readonly<Record<string, Uint8Array>>): Promise<void> {
  for (const [name, der] of Object.entries(pems))
    await writeFile(join(directory, "..", name), encodePem("CERTIFICATE", der));
}

describe("an issued SVID", () => {
  test("is accepted by OpenSSL at its strictest and by our own check, and names who it was issued for", async () => {
    const authority = valueOrThrow(await open());
    const svid = valueOrThrow(authority.issue(request(), { spiffeId: catalog, ttlMs: 20_000 }));
    await onDisk({ "root.pem": authority.root, "issuing.pem": svid.chain[1], "leaf.pem": svid.chain[0] });
    const at = (name: string): string => join(directory, "..", name);
    for (const purpose of ["sslserver", "sslclient"]) {
      const strict = ["verify", "-x509_strict", "-check_ss_sig", "-purpose", purpose, "-CAfile", at("root.pem")];
      const host = ["-verify_hostname", "catalog.shop.sa.shop.example"];
      expect(openssl(...strict, ...host, "-untrusted", at("issuing.pem"), at("leaf.pem"))).toEndWith("leaf.pem: OK\n");
    }
    const text = openssl("x509", "-in", at("leaf.pem"), "-noout", "-text");
    expect(text).toContain("X509v3 Key Usage: critical\n                Digital Signature\n");
    expect(text).toContain("X509v3 Basic Constraints: critical\n                CA:FALSE\n");
    expect(text).toContain("TLS Web Server Authentication, TLS Web Client Authentication\n");
    expect(text).toContain(
      "Name: critical\n                URI:spiffe://shop.example/ns/shop/sa/catalog, DNS:catalog.shop.sa.shop.example\n",
    );
    const facts = valueOrThrow(parseCertificate(svid.chain[0]));
    const checks = { nowMs: time.nowMs(), bundles: bundleSet([authority.bundle]), isSignedBy };
    expect(valueOrThrow(validateX509Svid(facts, checks))).toEqual(catalog);
    expect([facts.notBeforeMs, facts.notAfterMs]).toEqual([svid.notBeforeMs, svid.notAfterMs]);
    expect(facts.serial).toBe(svid.serial.replace(/^0+/, (zeros) => zeros.slice(zeros.length & ~1)));
  });

  test("lives as long as asked, within bounds, and starts a little in the past", async () => {
    const authority = valueOrThrow(await open());
    const life = (ttlMs: number): number => {
      const svid = valueOrThrow(authority.issue(request(), { spiffeId: catalog, ttlMs }));
      expect(svid.notBeforeMs).toBeLessThanOrEqual(time.nowMs() - 30_000);
      return Math.ceil((svid.notAfterMs - time.nowMs()) / 1000) * 1000;
    };
    expect([life(20_000), life(0), life(Number.MAX_SAFE_INTEGER)]).toEqual([20_000, 5000, 7 * DAY_MS]);
  });

  test("takes no name from the request, whoever the request says it is", async () => {
    const authority = valueOrThrow(await open());
    const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const impostor = await Pkcs10CertificateRequestGenerator.create({
      name: "CN=admin",
      keys,
      signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
      extensions: [
        new SubjectAlternativeNameExtension([{ type: "url", value: "spiffe://shop.example/ns/shop/sa/payments" }]),
      ],
    });
    const grant = { spiffeId: catalog, ttlMs: 60_000 };
    const svid = valueOrThrow(authority.issue(new Uint8Array(impostor.rawData), grant));
    const facts = valueOrThrow(parseCertificate(svid.chain[0]));
    expect([facts.uriSans, facts.hasSubject]).toEqual([[catalog.uri], false]);
  });

  test("has a serial of its own", async () => {
    const authority = valueOrThrow(await open());
    const serials = Array.from(
      { length: 200 },
      () => valueOrThrow(authority.issue(request(), { spiffeId: catalog, ttlMs: 60_000 })).serial,
    );
    expect(new Set(serials).size).toBe(200);
    expect(serials.every((each) => each.length === 32)).toBe(true);
  });

  test("is the server's for the server alone", async () => {
    const authority = valueOrThrow(await open());
    const asked = { spiffeId: serverSpiffeId(trustDomain), ttlMs: 60_000 };
    expect(codeOf(authority.issue(request(), asked))).toBe("HDL_AUTHORITY_RESERVED");
    expect(codeOf(authority.issue(request(), { ...asked, isOwn: true }))).toBe("ok");
  });

  test("cannot be for another trust domain", async () => {
    const authority = valueOrThrow(await open());
    const foreign = workloadSpiffeId(valueOrThrow(parseTrustDomain("other.example")), "shop", "catalog");
    expect(() => authority.issue(request(), { spiffeId: foreign, ttlMs: 60_000 })).toThrow(RangeError);
  });
});

describe("a request is refused", () => {
  const ask = async (csr: Uint8Array): Promise<string> =>
    codeOf(valueOrThrow(await open()).issue(csr, { spiffeId: catalog, ttlMs: 60_000 }));
  const requestBy = (pair: { publicKey: KeyObject; privateKey: KeyObject }): Uint8Array =>
    encodeCertificationRequest({
      publicKeyInfo: pair.publicKey.export({ type: "spki", format: "der" }),
      sign: (data) => sign("sha256", data, pair.privateKey),
    });

  test("when it is garbage", async () => {
    expect(await ask(new TextEncoder().encode("give me a certificate"))).toBe("HDL_IDENTITY_REQUEST_MALFORMED");
    expect(await ask(new Uint8Array(9000))).toBe("HDL_IDENTITY_REQUEST_MALFORMED");
    expect(await ask(request().subarray(0, 100))).toBe("HDL_IDENTITY_REQUEST_MALFORMED");
  });

  test("when it is signed by another key, or altered", async () => {
    const mine = generateSigningKey();
    const theirs = generateSigningKey();
    const borrowed = encodeCertificationRequest({ publicKeyInfo: theirs.publicKeyInfo, sign: mine.sign });
    expect(await ask(borrowed)).toBe("HDL_AUTHORITY_POSSESSION_UNPROVEN");
    const unsigned = encodeCertificationRequest({ publicKeyInfo: theirs.publicKeyInfo, sign: () => new Uint8Array() });
    expect(await ask(unsigned)).toBe("HDL_AUTHORITY_POSSESSION_UNPROVEN");
  });

  test("when its key is weak or of a kind that is not accepted", async () => {
    expect(await ask(requestBy(generateKeyPairSync("ec", { namedCurve: "P-224" })))).toBe("HDL_AUTHORITY_KEY_WEAK");
    const rsa = requestBy(generateKeyPairSync("rsa", { modulusLength: 1024 }));
    expect(await ask(rsa)).toBe("HDL_AUTHORITY_KEY_WEAK");
  });

  test("but not when its key is P-384", async () => {
    expect(await ask(requestBy(generateKeyPairSync("ec", { namedCurve: "P-384" })))).toBe("ok");
  });
});

describe("the authority's folder", () => {
  test("is private, keeps the root's key apart, and opens again to the same authority", async () => {
    const first = valueOrThrow(await open());
    for (const path of ["", "root", "issuing"]) expect((await stat(join(directory, path))).mode & 0o777).toBe(0o700);
    const [key = ""] = await readdir(join(directory, "issuing"));
    for (const path of ["root/root.key", `issuing/${key}`, "journal.ndjson"])
      expect((await stat(join(directory, path))).mode & 0o777).toBe(0o600);
    const second = valueOrThrow(await open());
    expect(second.bundle).toEqual(first.bundle);
    expect(second.root).toEqual(first.root);
  });

  test("works with the root taken away, until a new issuing key is needed", async () => {
    valueOrThrow(await open());
    await rename(join(directory, "root"), join(directory, "..", "in-the-safe"));
    const authority = valueOrThrow(await open());
    expect(codeOf(authority.issue(request(), { spiffeId: catalog, ttlMs: 60_000 }))).toBe("ok");
    expect(codeOf(await authority.prepare())).toBe("HDL_AUTHORITY_ROOT_OFFLINE");
  });

  test("takes no other key for its root's, and goes on after a full disk", async () => {
    const authority = valueOrThrow(await open());
    const root = join(directory, "root/root.key");
    const real = await readFile(root, "utf8");
    await writeFile(root, encodePem("PRIVATE KEY", generateSigningKey().exportPkcs8()));
    expect(codeOf(await authority.prepare())).toBe("HDL_AUTHORITY_KEY_UNUSABLE");
    await writeFile(root, real);
    const full = failure(problem("HDL_ENGINE_SECRET_FILE", "No space left on device."));
    let isFull = true;
    const files = {
      ...privateFiles,
      write: (path: string, text: string) => (isFull ? Promise.resolve(full) : privateFiles.write(path, text)),
    };
    const options = { directory, trustDomain, files, clock: time, random: systemRandom };
    const starved = valueOrThrow(await openAuthority(options));
    expect(codeOf(await starved.prepare())).toBe("HDL_ENGINE_SECRET_FILE");
    expect(codeOf(starved.issue(request(), { spiffeId: catalog, ttlMs: 60_000 }))).toBe("ok");
    isFull = false;
    valueOrThrow(await starved.prepare());
    expect(valueOrThrow(await open()).bundle).toEqual(starved.bundle);
  });

  test("encrypts its keys under a passphrase so that OpenSSL can open them and nobody else", async () => {
    valueOrThrow(await open("correct horse"));
    const root = join(directory, "root/root.key");
    expect(await readFile(root, "utf8")).toStartWith("-----BEGIN ENCRYPTED PRIVATE KEY-----");
    expect(openssl("pkey", "-in", root, "-passin", "pass:correct horse", "-noout", "-text")).toContain("P-256");
    expect(codeOf(await open("wrong horse"))).toBe("HDL_AUTHORITY_PASSPHRASE_WRONG");
    expect(codeOf(await open())).toBe("HDL_AUTHORITY_PASSPHRASE_MISSING");
    expect(codeOf(await open("correct horse"))).toBe("ok");
  });

  test("encrypts keys that lay in the clear once a passphrase is given", async () => {
    const plain = valueOrThrow(await open());
    const encrypted = valueOrThrow(await open("correct horse"));
    expect(encrypted.bundle).toEqual(plain.bundle);
    const [key = ""] = await readdir(join(directory, "issuing"));
    for (const path of ["root/root.key", `issuing/${key}`])
      expect(await readFile(join(directory, path), "utf8")).toContain("ENCRYPTED");
  });

  test("is refused when others may read a key", async () => {
    valueOrThrow(await open());
    const [key = ""] = await readdir(join(directory, "issuing"));
    await chmod(join(directory, "issuing", key), 0o644);
    expect(codeOf(await open())).toBe("HDL_ENGINE_SECRET_EXPOSED");
  });

  test("is refused for another trust domain, with a damaged journal, or without its key", async () => {
    valueOrThrow(await open());
    expect(codeOf(await open(undefined, valueOrThrow(parseTrustDomain("other.example"))))).toBe(
      "HDL_AUTHORITY_TRUST_DOMAIN",
    );
    const [key = ""] = await readdir(join(directory, "issuing"));
    await rm(join(directory, "issuing", key));
    expect(codeOf(await open())).toBe("HDL_AUTHORITY_KEY_UNUSABLE");
    const journal = join(directory, "journal.ndjson");
    await writeFile(journal, `${(await readFile(journal, "utf8")).replace("prepared", "activated")}`);
    expect(codeOf(await open())).toBe("HDL_AUTHORITY_JOURNAL_CORRUPT");
  });

  test("survives a crash in the middle of any line of its journal", async () => {
    const first = valueOrThrow(await open());
    const journal = join(directory, "journal.ndjson");
    const whole = await readFile(journal, "utf8");
    for (const cut of [10, whole.indexOf("\n") + 20, whole.length - 5]) {
      await writeFile(journal, whole.slice(0, cut));
      const authority = valueOrThrow(await open());
      expect(codeOf(authority.issue(request(), { spiffeId: catalog, ttlMs: 60_000 }))).toBe("ok");
      expect(codeOf(await open())).toBe("ok");
    }
    expect(publicKeyKind(valueOrThrow(parseCertificate(first.root)).publicKeyInfo)).toBe("p256");
  });
});

describe("a new issuing key", () => {
  test("is known before it signs, and the old one's SVIDs hold until it is removed", async () => {
    const authority = valueOrThrow(await open());
    const validate = (leaf: Uint8Array): string => {
      const checks = { nowMs: time.nowMs(), bundles: bundleSet([authority.bundle]), isSignedBy };
      return codeOf(validateX509Svid(valueOrThrow(parseCertificate(leaf)), checks));
    };
    const issue = (): Uint8Array =>
      valueOrThrow(authority.issue(request(), { spiffeId: catalog, ttlMs: 60_000 })).chain[0];
    const before = issue();
    const sequence = authority.bundle.sequence;
    const id = valueOrThrow(await authority.prepare());
    expect(authority.slots.map((each) => each.status)).toEqual(["active", "prepared"]);
    expect(authority.bundle.sequence).toBe(sequence + 1);
    expect(isSignedBy(issue(), authority.bundle.authorities[1]!)).toBe(false);
    valueOrThrow(await authority.activate(id));
    expect(authority.slots.map((each) => each.status)).toEqual(["old", "active"]);
    expect(isSignedBy(issue(), authority.bundle.authorities[0]!)).toBe(true);
    expect([validate(before), validate(issue())]).toEqual(["ok", "ok"]);
    expect(codeOf(await authority.remove(id))).toBe("HDL_AUTHORITY_SLOT");
    valueOrThrow(await authority.remove(authority.slots[0]?.id ?? ""));
    expect([validate(before), validate(issue())]).toEqual(["HDL_IDENTITY_SVID_UNTRUSTED", "ok"]);
    expect(valueOrThrow(await open()).bundle).toEqual(authority.bundle);
  });

  test("comes by itself long before the active one expires, and issuing never stops", async () => {
    const authority = valueOrThrow(await open());
    const everyone = { isConfirmedByAll: true, issuersInUse: new Set<string>() };
    const statuses: string[] = [];
    for (let day = 0; day < 400; day++) {
      valueOrThrow(await authority.maintain());
      valueOrThrow(authority.issue(request(), { spiffeId: catalog, ttlMs: 3_600_000 }));
      const now = authority.slots.map((each) => each.status).join(" ");
      if (now !== statuses.at(-1)) statuses.push(now);
      time.advance(DAY_MS);
      valueOrThrow(await authority.advance(everyone));
    }
    const turn = ["old active", "active"];
    expect(statuses).toEqual(["active", "active prepared", ...turn, "active prepared", ...turn]);
  });

  test("waits for who has not heard of it, and stays for who still shows its predecessor's SVIDs", async () => {
    const authority = valueOrThrow(await open());
    const [first] = authority.slots;
    valueOrThrow(await authority.prepare());
    const step = async (isConfirmedByAll: boolean, inUse: readonly string[]): Promise<string> => {
      const taken = valueOrThrow(await authority.advance({ isConfirmedByAll, issuersInUse: new Set(inUse) }));
      return `${taken?.step ?? "waits"}: ${authority.slots.map((each) => each.status).join(" ")}`;
    };
    expect(await step(false, [])).toBe("waits: active prepared");
    expect(await step(true, [first?.id ?? ""])).toBe("activate: old active");
    expect(await step(true, [first?.id ?? ""])).toBe("waits: old active");
    expect(await step(true, [])).toBe("remove: active");
    expect(await readdir(join(directory, "issuing"))).toHaveLength(1);
  });

  test("comes at once when a host slept until the active one had expired, or the root too", async () => {
    const authority = valueOrThrow(await open());
    const ask = (from: Authority): string => codeOf(from.issue(request(), { spiffeId: catalog, ttlMs: 60_000 }));
    time.advance(366 * DAY_MS);
    expect(ask(authority)).toBe("HDL_AUTHORITY_EXPIRED");
    valueOrThrow(await authority.maintain());
    expect(ask(authority)).toBe("ok");
    time.advance(366 * DAY_MS);
    expect(ask(valueOrThrow(await open()))).toBe("ok");
    time.advance(3660 * DAY_MS);
    const late = valueOrThrow(await open());
    expect([ask(late), late.roots.length]).toEqual(["ok", 2]);
  });
});

describe("a new root", () => {
  test("is trusted beside the old one until nobody needs that; newcomers know the domain by the old one until then", async () => {
    const authority = valueOrThrow(await open());
    const before = authority.root;
    const issue = (isOwn = false): Uint8Array =>
      valueOrThrow(authority.issue(request(), { spiffeId: catalog, ttlMs: 60_000, isOwn })).chain[1];
    valueOrThrow(await authority.prepareRoot());
    expect(authority.bundle.authorities).toHaveLength(4);
    expect(isSignedBy(issue(), before)).toBe(true);
    const inUse = new Set([authority.slots[0]?.id ?? ""]);
    valueOrThrow(await authority.advance({ isConfirmedByAll: true, issuersInUse: inUse }));
    const [, after = new Uint8Array()] = authority.roots.map(
      ({ certificate }) => decodePem("CERTIFICATE", certificate)[0],
    );
    expect([isSignedBy(issue(), after), isSignedBy(issue(true), before)]).toEqual([true, true]);
    expect(authority.root).toEqual(before);
    const reopened = valueOrThrow(await open());
    expect(reopened.root).toEqual(before);
    const nobody = { isConfirmedByAll: true, issuersInUse: new Set<string>() };
    valueOrThrow(await reopened.advance(nobody));
    expect(reopened.root).toEqual(after);
    expect(valueOrThrow(await reopened.advance(nobody))).toMatchObject({ step: "remove-root" });
    expect(reopened.bundle.authorities).toHaveLength(2);
    expect(await readdir(join(directory, "root"))).toHaveLength(1);
    expect(valueOrThrow(await open()).bundle).toEqual(reopened.bundle);
  });

  test("comes by itself before issuing keys outlive it", async () => {
    const authority = valueOrThrow(await open());
    const everyone = { isConfirmedByAll: true, issuersInUse: new Set<string>() };
    let rootsMax = 0;
    for (let month = 0; month < 12 * 12; month++) {
      valueOrThrow(await authority.maintain());
      for (let step = 0; step < 4; step++) valueOrThrow(await authority.advance(everyone));
      const svid = valueOrThrow(authority.issue(request(), { spiffeId: catalog, ttlMs: 3_600_000 }));
      expect(svid.notAfterMs).toBeGreaterThan(time.nowMs());
      const [issuing, root] = [svid.chain[1], authority.root].map((der) => valueOrThrow(parseCertificate(der)));
      expect(issuing?.notAfterMs ?? 0).toBeLessThanOrEqual(root?.notAfterMs ?? 0);
      rootsMax = Math.max(rootsMax, authority.roots.length);
      time.advance(30 * DAY_MS);
    }
    expect([rootsMax, authority.roots.length]).toEqual([1, 1]);
    expect(authority.roots[0]?.id).not.toBe("root");
  });
});

describe("a revocation", () => {
  const judge = (authority: Authority, leaf: Uint8Array): string => {
    const checks = { nowMs: time.nowMs(), bundles: bundleSet([authority.bundle]), isSignedBy };
    return codeOf(validateX509Svid(valueOrThrow(parseCertificate(leaf)), checks));
  };

  test("of an identity refuses what was issued until then, and not what is issued after, within the same second too", async () => {
    const authority = valueOrThrow(await open());
    const issue = (spiffeId = catalog): Uint8Array =>
      valueOrThrow(authority.issue(request(), { spiffeId, ttlMs: 60_000 })).chain[0];
    const [before, other] = [issue(), issue(workloadSpiffeId(trustDomain, "shop", "cart"))];
    const { sequence } = authority.bundle;
    valueOrThrow(await authority.revokeIdentity(catalog));
    expect(authority.bundle.sequence).toBe(sequence + 1);
    expect([before, other, issue()].map((leaf) => judge(authority, leaf))).toEqual([
      "HDL_IDENTITY_SVID_REVOKED",
      "ok",
      "ok",
    ]);
    time.advance(5000);
    expect(judge(authority, issue())).toBe("ok");
    expect(judge(valueOrThrow(await open()), before)).toBe("HDL_IDENTITY_SVID_REVOKED");
  });

  test("of one certificate leaves its workload's others alone, whatever its serial begins with", async () => {
    const authority = valueOrThrow(await open());
    for (let round = 0; round < 40; round++) {
      const [one, two] = [1, 2].map(() =>
        valueOrThrow(authority.issue(request(), { spiffeId: catalog, ttlMs: 60_000 })),
      );
      if (one === undefined || two === undefined) throw new Error("no SVID");
      valueOrThrow(await authority.revokeCertificate(one));
      expect([one, two].map((each) => judge(authority, each.chain[0]))).toEqual(["HDL_IDENTITY_SVID_REVOKED", "ok"]);
    }
  });

  test("that says nothing new is not written again", async () => {
    const authority = valueOrThrow(await open());
    const issued = valueOrThrow(authority.issue(request(), { spiffeId: catalog, ttlMs: 60_000 }));
    for (let round = 0; round < 50; round++) {
      valueOrThrow(await authority.revokeIdentity(catalog));
      valueOrThrow(await authority.revokeCertificate(issued));
    }
    const journal = await readFile(join(directory, "journal.ndjson"), "utf8");
    expect(journal.split("\n").filter((line) => line.includes('"revoked"'))).toHaveLength(2);
    time.advance(1000);
    valueOrThrow(await authority.revokeIdentity(catalog));
    expect(authority.bundle.revocations).toHaveLength(2);
  });

  test("is not pushed out by who revokes without end in another namespace", () => {
    const start: AuthorityState = { trustDomain, roots: [], slots: [], revocations: [], jwtKeys: [], sequence: 1 };
    const revoke = (state: AuthorityState, uri: string, atMs: number): AuthorityState => {
      const revocation = { kind: "identity", spiffeId: uri, notBeforeUntilMs: atMs, expiresAtMs: 1e12 } as const;
      return advance(state, { event: "revoked", atMs, revocation }) ?? state;
    };
    let state = revoke(start, catalog.uri, 0);
    for (let count = 1; count < 4500; count++)
      state = revoke(state, `spiffe://${trustDomain}/ns/noisy/sa/a${count}`, count);
    const uris = state.revocations.flatMap((each) => (each.kind === "identity" ? each.spiffeId : []));
    expect([uris.length, uris.includes(catalog.uri), uris.at(-1)?.endsWith("/a4499")]).toEqual([4096, true, true]);
  });

  test("is forgotten when what it speaks of has expired", async () => {
    const authority = valueOrThrow(await open());
    valueOrThrow(await authority.revokeIdentity(catalog));
    time.advance(8 * DAY_MS);
    valueOrThrow(await authority.revokeIdentity(workloadSpiffeId(trustDomain, "shop", "cart")));
    expect(authority.bundle.revocations).toHaveLength(1);
  });
});

test("keys of JWT-SVIDs are published a day before they sign and a day after", async () => {
  const authority = valueOrThrow(await open());
  const token = (): string => {
    const issued = authority.jwt.issue({ spiffeId: catalog, audience: ["orders"], ttlMs: 300_000 });
    return valueOrThrow(issued).token;
  };
  const judge = (text: string): string => {
    const bundles = bundleSet([authority.bundle]);
    return codeOf(validateJwtSvid(text, { audience: "orders", nowMs: time.nowMs(), bundles, verify: verifyJws }));
  };
  const counts: number[] = [];
  let before = token();
  for (let hour = 0; hour < 24 * 65; hour++) {
    valueOrThrow(await authority.maintain());
    expect([
      judge(token()),
      hour === 0
        ? "ok"
        : codeOf(
            validateJwtSvid(before, {
              audience: "orders",
              nowMs: time.nowMs() - 3_600_000,
              bundles: bundleSet([authority.bundle]),
              verify: verifyJws,
            }),
          ),
    ]).toEqual(["ok", "ok"]);
    before = token();
    const count = authority.bundle.jwtAuthorities?.length ?? 0;
    if (count !== counts.at(-1)) counts.push(count);
    time.advance(3_600_000);
  }
  expect(counts).toEqual([1, 2, 1, 2, 1]);
  expect(await readdir(join(directory, "jwt"))).toHaveLength(1);
  expect(valueOrThrow(await open()).bundle).toEqual(authority.bundle);
});

test("a key of JWT-SVIDs whose file was taken away signs no more, and another does", async () => {
  const sign = (by: Authority): { readonly token: string; readonly kid: string } => {
    const { token } = valueOrThrow(by.jwt.issue({ spiffeId: catalog, audience: ["orders"], ttlMs: 60_000 }));
    const [header = ""] = token.split(".");
    return { token, ...(JSON.parse(Buffer.from(header, "base64url").toString()) as { kid: string }) };
  };
  const before = sign(valueOrThrow(await open()));
  await rm(join(directory, "jwt", `${before.kid}.key`));
  const again = valueOrThrow(await open());
  const after = sign(again);
  expect(after.kid).not.toBe(before.kid);
  const checks = { audience: "orders", nowMs: time.nowMs(), bundles: bundleSet([again.bundle]), verify: verifyJws };
  expect([before, after].map(({ token }) => codeOf(validateJwtSvid(token, checks)))).toEqual(["ok", "ok"]);
});

test("at least 300 SVIDs are issued in a second", async () => {
  const authority = valueOrThrow(await open());
  const requests = Array.from({ length: 300 }, request);
  const startUs = performance.now() * 1000;
  for (const each of requests) valueOrThrow(authority.issue(each, { spiffeId: catalog, ttlMs: 60_000 }));
  expect(performance.now() * 1000 - startUs).toBeLessThan(1_000_000);
});
