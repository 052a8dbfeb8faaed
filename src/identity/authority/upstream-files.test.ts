import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateSigningKey } from "#engine/crypto";
import { privateFiles } from "#engine/private-files";
import { systemRandom } from "#engine/random";
import { encodeCertificationRequest, encodePem, parseTrustDomain, workloadSpiffeId } from "#identity";
import { type Result, valueOrThrow } from "#model";
import { CompanyAuthority } from "../../../test/fakes/company-authority.ts";
import { FakeTime } from "../../../test/fakes/time.ts";
import { type Authority, openAuthority, upstreamFiles } from "./index.ts";

const trustDomain = valueOrThrow(parseTrustDomain("shop.example"));
const web = workloadSpiffeId(trustDomain, "shop", "web");
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "heddle-upstream-"));
});
afterEach(() => rm(folder, { recursive: true }));

const at = (name: string): string => join(folder, name);

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFile(at(name), text, { mode: 0o600 });
}

function open(more: { readonly rootFile?: string; readonly passphraseFile?: string } = {}): Promise<Result<Authority>> {
  const edge = { files: privateFiles, clock: new FakeTime(Date.now() + 5000), random: systemRandom };
  const upstream = upstreamFiles({ certificateFile: at("ca.pem"), keyFile: at("ca.key"), ...more, ...edge });
  return openAuthority({ directory: at("ca"), trustDomain, upstream, ...edge });
}

/** Whether OpenSSL, which knows nothing but the root, follows what an agent shows. */
async function verify(authority: Authority, root: string): Promise<string> {
  const request = encodeCertificationRequest(generateSigningKey());
  const { chain } = valueOrThrow(authority.issue(request, { spiffeId: web, ttlMs: 60_000 }));
  const [leaf, ...above] = chain.map((der) => encodePem("CERTIFICATE", der));
  await write({ "leaf.pem": leaf ?? "", "above.pem": above.join(""), "root.pem": root });
  const args = ["verify", "-x509_strict", "-CAfile", at("root.pem"), "-untrusted", at("above.pem"), at("leaf.pem")];
  const run = Bun.spawnSync(["openssl", ...args], { stderr: "pipe" });
  return `${run.stdout}${run.stderr}`;
}

describe("an authority whose certificate and key lie in files", () => {
  test.each(["EC", "RSA"] as const)("certifies issuing keys by an %s key, being the root itself", async (algorithm) => {
    const company = await CompanyAuthority.found("CN=root, O=Company", algorithm);
    await write({ "ca.pem": company.pem, "ca.key": await company.keyPem() });
    const authority = valueOrThrow(await open());
    expect(await verify(authority, company.pem)).toContain("OK");
    expect(Buffer.from(authority.root).equals(company.der)).toBe(true);
    expect(valueOrThrow(await open()).bundle).toEqual(authority.bundle);
  });

  test("may stand below others: agents show the whole way to the root, also after a restart", async () => {
    const company = await CompanyAuthority.found();
    const policy = await company.intermediate("CN=policy");
    const mesh = await policy.intermediate("CN=mesh", 1);
    await write({ "ca.pem": mesh.pem + policy.pem, "ca.key": await mesh.keyPem(), "roots.pem": company.pem });
    const authority = valueOrThrow(await open({ rootFile: at("roots.pem") }));
    expect(await verify(authority, company.pem)).toContain("OK");
    expect(Buffer.from(authority.root).equals(company.der)).toBe(true);
    expect(await verify(valueOrThrow(await open({ rootFile: at("roots.pem") })), company.pem)).toContain("OK");
  });

  test("is opened by its passphrase", async () => {
    const company = await CompanyAuthority.found();
    await write({ "ca.pem": company.pem, "plain.key": await company.keyPem(), passphrase: "tell nobody\n" });
    const pass = ["-passout", `file:${at("passphrase")}`];
    Bun.spawnSync(["openssl", "pkcs8", "-topk8", "-in", at("plain.key"), "-out", at("ca.key"), ...pass]);
    expect((await open()).ok).toBe(false);
    expect(await verify(valueOrThrow(await open({ passphraseFile: at("passphrase") })), company.pem)).toContain("OK");
  });

  test.each([
    ["the key is another's", { "ca.key": "other" }, "is not the certificate's key"],
    ["the key is none", { "ca.key": "none" }, "no EC or RSA key"],
    ["the certificate is none", { "ca.pem": "none" }, "holds no certificate"],
    ["the certificate may have no authority below it", { "ca.pem": "deep" }, "may have none below it"],
    ["the certificate is a host's", { "ca.pem": "leaf" }, "cannot be used"],
    ["the root is another", { "roots.pem": "other" }, "is not signed by the root"],
    ["there are two roots", { "roots.pem": "two" }, "more than one root"],
  ])("signs nothing where %s", async (_, wrong, why) => {
    const company = await CompanyAuthority.found();
    const foreign = await CompanyAuthority.found();
    const mesh = await company.intermediate("CN=mesh");
    const deep = await company.intermediate("CN=deep", 0);
    const leaf = await company.host({ subject: "CN=host" });
    const texts: Readonly<Record<string, readonly [string, string?]>> = {
      none: ["nothing"],
      deep: [deep.pem, await deep.keyPem()],
      leaf: [leaf.chainPem, leaf.keyPem],
      two: [company.pem + foreign.pem],
      other: ["roots.pem" in wrong ? foreign.pem : await foreign.keyPem()],
    };
    const files: Record<string, string> = {
      "ca.pem": mesh.pem,
      "ca.key": await mesh.keyPem(),
      "roots.pem": company.pem,
    };
    for (const [name, what] of Object.entries(wrong)) {
      const [text = "", key] = texts[what] ?? [];
      files[name] = text;
      if (key !== undefined) files["ca.key"] = key;
    }
    await write(files);
    const opened = await open({ rootFile: at("roots.pem") });
    expect(opened.ok ? "ok" : opened.problems[0].code).toBe("HDL_AUTHORITY_UPSTREAM");
    expect(opened.ok ? "" : opened.problems[0].message).toContain(why);
  });

  test("keeps its key from others on the machine", async () => {
    const company = await CompanyAuthority.found();
    await write({ "ca.pem": company.pem });
    await writeFile(at("ca.key"), await company.keyPem(), { mode: 0o644 });
    const opened = await open();
    expect(opened.ok ? "ok" : opened.problems[0].code).toBe("HDL_ENGINE_SECRET_EXPOSED");
  });
});
