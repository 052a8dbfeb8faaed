import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { privateFiles } from "#engine/private-files";
import { fakeAuthority } from "../../test/fakes/mesh-authority.ts";
import { FakeTime } from "../../test/fakes/time.ts";
import { parseBootstrap } from "./bootstrap.ts";
import { readTlsFiles, type ServedCertificate } from "./tls-files.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const authority = fakeAuthority("elsewhere.example");
const good = authority.identity("shop/edge");

interface Written {
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly keyMode?: number;
  readonly authorities?: string | undefined;
}

function write(folder: string, { certificate, key, keyMode = 0o600, authorities }: Written): void {
  const put = (name: string, text: string | undefined, mode: number): void => {
    if (text !== undefined) writeFileSync(join(folder, name), text, { mode });
  };
  put("certificate.pem", certificate, 0o644);
  put("key.pem", key, keyMode);
  put("ca.pem", authorities, 0o644);
}

const lines: string[] = [];

function read(files: Written) {
  const folder = mkdtempSync(join(tmpdir(), "heddle-tls-files-"));
  folders.push(folder);
  write(folder, files);
  lines.length = 0;
  const address = { address: "127.0.0.1", port: 1 };
  const tls = { certificate: `${folder}/certificate.pem`, privateKey: `${folder}/key.pem` };
  const document = {
    ...{ server: "127.0.0.1:1", namespace: "shop", serviceAccount: "edge", instance: "edge" },
    ...{ mesh: address, admin: address, stateDirectory: folder },
    app: { ...address, tls: { caCertificates: `${folder}/ca.pem`, hostname: "localhost" } },
    outbound: [{ ...address, service: "shop/front", tls }],
  };
  const bootstrap = parseBootstrap(JSON.stringify(document), "agent.json");
  if (!bootstrap.ok) throw new Error(bootstrap.problems[0].message);
  const time = new FakeTime(Date.now());
  const surroundings = { files: privateFiles, clock: time, timers: time, log: (line: string) => lines.push(line) };
  return { folder, tls: readTlsFiles(bootstrap.value, surroundings) };
}

const whole: Written = {
  certificate: good.certificateChainPem,
  key: good.privateKeyPem,
  authorities: authority.pem,
};

test("what the bootstrap document names is read", async () => {
  const tls = await read(whole).tls;
  if (!tls.ok) throw new Error(tls.problems[0].message);
  expect(tls.value.appAuthoritiesPem).toBe(authority.pem);
  expect(tls.value.certificates.get("shop/front")?.current.certificateChainPem).toBe(good.certificateChainPem);
});

describe("what cannot be used is told with its file", () => {
  const expired = authority.identity("shop/edge", { notAfterMs: Date.now() - 1000 });
  test.each([
    ["no certificate", { ...whole, certificate: undefined }, "there is no <folder>/certificate.pem"],
    ["no key", { ...whole, key: undefined }, "there is no <folder>/key.pem"],
    ["no authorities", { ...whole, authorities: undefined }, "there is no <folder>/ca.pem"],
    ["authorities that are none", { ...whole, authorities: "none" }, "<folder>/ca.pem holds no certificate in PEM"],
    ["a certificate that is none", { ...whole, certificate: "none" }, "the certificate is not one in PEM"],
    ["a key that is none", { ...whole, key: "none" }, "the key is not an unencrypted one in PEM"],
    ["another's key", { ...whole, key: expired.privateKeyPem }, "the key is not the certificate's"],
    [
      "an expired certificate",
      { ...whole, certificate: expired.certificateChainPem, key: expired.privateKeyPem },
      "the certificate expired on 20",
    ],
    ["a key that others may read", { ...whole, keyMode: 0o644 }, "<folder>/key.pem may be read by other users"],
  ])("%s", async (_what, files, said) => {
    const { folder, tls } = read(files);
    const outcome = await tls;
    expect(outcome.ok ? "" : outcome.problems[0].message).toContain(said.replace("<folder>", folder));
  });
});

describe("a certificate whose files change", () => {
  async function served(): Promise<{ readonly folder: string; readonly certificate: ServedCertificate }> {
    const { folder, tls } = read(whole);
    const outcome = await tls;
    const certificate = outcome.ok ? outcome.value.certificates.get("shop/front") : undefined;
    if (certificate === undefined) throw new Error("not read");
    return { folder, certificate };
  }

  test("is shown from the next look on", async () => {
    const { folder, certificate } = await served();
    const newer = authority.identity("shop/edge");
    write(folder, { certificate: newer.certificateChainPem, key: newer.privateKeyPem });
    await certificate.look();
    expect(certificate.current.privateKeyPem).toBe(newer.privateKeyPem);
    expect(lines).toHaveLength(1);
  });

  test("to what cannot be used is told once, and the one before goes on", async () => {
    const { folder, certificate } = await served();
    write(folder, { certificate: authority.identity("shop/edge").certificateChainPem });
    await certificate.look();
    await certificate.look();
    expect(certificate.current.certificateChainPem).toBe(good.certificateChainPem);
    expect(lines).toEqual([expect.stringContaining("the key is not the certificate's")]);
  });
});
