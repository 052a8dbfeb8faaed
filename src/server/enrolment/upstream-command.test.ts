import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateSigningKey, isSignedBy } from "#engine/crypto";
import { privateFiles } from "#engine/private-files";
import { systemRandom } from "#engine/random";
import { systemTimers } from "#engine/time";
import {
  bundleSet,
  decodePem,
  encodeCertificationRequest,
  encodePem,
  parseCertificate,
  parseTrustDomain,
  validateX509Svid,
  workloadSpiffeId,
} from "#identity";
import { type Authority, openAuthority } from "#identity/authority";
import { type Result, valueOrThrow } from "#model";
import { FakeTime } from "../../../test/fakes/time.ts";
import { upstreamCommand } from "./upstream-command.ts";

const trustDomain = valueOrThrow(parseTrustDomain("shop.example"));
const web = workloadSpiffeId(trustDomain, "shop", "web");
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "heddle-upstream-"));
  foundRoot("root");
});
afterEach(() => rm(folder, { recursive: true }));

function openssl(...args: readonly string[]): string {
  const run = Bun.spawnSync(["openssl", ...args], { cwd: folder, stderr: "pipe" });
  if (run.exitCode !== 0) throw new Error(run.stderr.toString());
  return run.stdout.toString();
}

/** A root of the company's, as OpenSSL makes one. */
function foundRoot(name: string): void {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", `${name}.key`];
  const extensions = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-out",
    `${name}.pem`,
    "-days",
    "3650",
    "-subj",
    `/O=Company/CN=${name}`,
    ...extensions,
  );
}

async function program(body: string): Promise<string> {
  const path = join(folder, "sign.sh");
  await writeFile(path, `#!/bin/sh\nset -e\ncd ${folder}\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

const signing = (root: string, more = "-copy_extensions copyall"): string =>
  `openssl x509 -req -CA ${root}.pem -CAkey ${root}.key -days 100 ${more} 2>/dev/null\ncat ${root}.pem`;

async function open(body: string): Promise<Result<Authority>> {
  const upstream = upstreamCommand({ program: await program(body), trustDomain, timers: systemTimers });
  const time = new FakeTime(Date.now() + 5000);
  const edge = { files: privateFiles, clock: time, random: systemRandom };
  return openAuthority({ directory: join(folder, "ca"), trustDomain, upstream, ...edge });
}

describe("an authority below one of the company's", () => {
  test("issues SVIDs that lead to the company's root, by OpenSSL's judgement and by ours", async () => {
    const authority = valueOrThrow(await open(signing("root")));
    const request = encodeCertificationRequest(generateSigningKey());
    const { chain } = valueOrThrow(authority.issue(request, { spiffeId: web, ttlMs: 60_000 }));
    await writeFile(join(folder, "leaf.pem"), encodePem("CERTIFICATE", chain[0]));
    await writeFile(join(folder, "issuing.pem"), encodePem("CERTIFICATE", chain[1]));
    expect(openssl("verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "issuing.pem", "leaf.pem")).toContain(
      "OK",
    );
    const leaf = valueOrThrow(parseCertificate(chain[0]));
    const checks = { nowMs: Date.now() + 5000, bundles: bundleSet([authority.bundle]), isSignedBy };
    expect(valueOrThrow(validateX509Svid(leaf, checks)).uri).toBe(web.uri);
    const [root] = decodePem("CERTIFICATE", await Bun.file(join(folder, "root.pem")).text());
    expect(Buffer.from(authority.root).equals(root ?? new Uint8Array())).toBe(true);
    expect(valueOrThrow(parseCertificate(chain[1])).uriSans).toEqual(["spiffe://shop.example"]);
    expect(valueOrThrow(await open(signing("root"))).bundle).toEqual(authority.bundle);
  });

  test("follows a new root of the company's by a rotation", async () => {
    valueOrThrow(await open(signing("root")));
    foundRoot("newer");
    const authority = valueOrThrow(await open(signing("newer")));
    expect(authority.roots).toHaveLength(1);
    valueOrThrow(await authority.prepareRoot());
    expect(authority.roots).toHaveLength(2);
    const everyone = { isConfirmedByAll: true, issuersInUse: new Set<string>() };
    for (let step = 0; step < 3; step++) valueOrThrow(await authority.advance(everyone));
    expect([authority.roots.length, authority.slots.length]).toEqual([1, 1]);
    const [root] = decodePem("CERTIFICATE", await Bun.file(join(folder, "newer.pem")).text());
    expect(Buffer.from(authority.root).equals(root ?? new Uint8Array())).toBe(true);
  });

  test.each([
    ["ends in an error", "echo no such key >&2; exit 3", "status 3. no such key"],
    ["prints nothing", "true", "did not print a certificate"],
    ["prints no root", "openssl x509 -req -CA root.pem -CAkey root.key 2>/dev/null", "did not print a certificate"],
    ["gives a leaf", signing("root", ""), "cannot be used"],
    ["gives a certificate for another key", "cat root.pem root.pem", "for another key"],
    ["names another root", `${signing("root").split("\n")[0]}\ncat other.pem`, "not signed by the root"],
    [
      "gives one that ends at once",
      signing("root", "-copy_extensions copyall -not_after 20200101000000Z").replace("-days 100", ""),
      "",
    ],
  ])("says what is wrong with a command that %s, and signs nothing", async (_, body, why) => {
    foundRoot("other");
    const opened = await open(body);
    expect(opened.ok ? "ok" : opened.problems[0].code).toBe("HDL_AUTHORITY_UPSTREAM");
    expect(opened.ok ? "" : opened.problems[0].message).toContain(why);
  });
});
