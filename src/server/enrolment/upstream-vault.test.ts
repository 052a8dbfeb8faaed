import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { privateFiles } from "#engine/private-files";
import { systemRandom } from "#engine/random";
import { decodePem, encodePem, parseTrustDomain } from "#identity";
import { type Authority, openAuthority, upstreamFiles } from "#identity/authority";
import { type Result, valueOrThrow } from "#model";
import { CompanyAuthority } from "../../../test/fakes/company-authority.ts";
import { FakeTime } from "../../../test/fakes/time.ts";
import { upstreamVault } from "./upstream-vault.ts";

const trustDomain = valueOrThrow(parseTrustDomain("shop.example"));
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
let folder: string;
let company: CompanyAuthority;
let mesh: CompanyAuthority;
let asked: Record<string, unknown>[];
let spoil: (data: Record<string, unknown>) => unknown;
let vault: Bun.Server<undefined>;

const at = (name: string): string => join(folder, name);
const edge = () => ({ files: privateFiles, clock: new FakeTime(Date.now() + 5000), random: systemRandom });

/** The one endpoint, in Vault's form: the token in its header, errors as a list, PEM in `data`. */
async function answer(request: Request): Promise<Response> {
  const isAsked = request.method === "POST" && new URL(request.url).pathname === "/v1/pki/root/sign-intermediate";
  if (!isAsked) return Response.json({ errors: [] }, { status: 404 });
  if (request.headers.get("x-vault-token") !== "hvs.secret")
    return Response.json({ errors: ["2 errors occurred: permission denied"] }, { status: 403 });
  const body = (await request.json()) as Record<string, unknown>;
  asked.push(body);
  const signing = upstreamFiles({ certificateFile: at("mesh.pem"), keyFile: at("mesh.key"), ...edge() });
  const [csr = new Uint8Array()] = decodePem("CERTIFICATE REQUEST", String(body["csr"]));
  const subject = { organization: "shop.example", commonName: String(body["common_name"]) };
  const signed = valueOrThrow(await signing.sign(csr, { subject, uri: String(body["uri_sans"]) }));
  const data = {
    certificate: encodePem("CERTIFICATE", signed.certificate),
    issuing_ca: mesh.pem,
    ca_chain: [mesh.pem, company.pem],
    serial_number: "39:dd:2e",
    expiration: 1_654_105_687,
  };
  return Response.json({ request_id: "1", lease_id: "", data: spoil(data) });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "heddle-vault-"));
  company = await CompanyAuthority.found();
  mesh = await company.intermediate("CN=mesh");
  const web = await company.host({ subject: "CN=localhost", dnsNames: ["localhost"], extendedKeyUsage: [SERVER_AUTH] });
  asked = [];
  spoil = (data) => data;
  await writeFile(at("mesh.pem"), mesh.pem);
  await writeFile(at("mesh.key"), await mesh.keyPem(), { mode: 0o600 });
  await writeFile(at("ca.pem"), company.pem);
  await writeFile(at("token"), "hvs.secret\n", { mode: 0o600 });
  vault = Bun.serve({ hostname: "127.0.0.1", port: 0, tls: { cert: web.chainPem, key: web.keyPem }, fetch: answer });
});
afterEach(async () => {
  await vault.stop(true);
  await rm(folder, { recursive: true });
});

function open(more: { readonly url?: string; readonly caFile?: string } = {}): Promise<Result<Authority>> {
  const url = `https://localhost:${vault.port}/v1/pki`;
  const upstream = upstreamVault({ url, tokenFile: at("token"), caFile: at("ca.pem"), files: privateFiles, ...more });
  return openAuthority({ directory: at("ca"), trustDomain, upstream, ...edge() });
}

const told = (opened: Result<unknown>): string =>
  opened.ok ? "ok" : `${opened.problems[0].code}: ${opened.problems[0].message}`;

describe("an authority below Vault", () => {
  test("has its issuing keys certified there, and leads to the root of the mount", async () => {
    const authority = valueOrThrow(await open());
    expect(Buffer.from(authority.root).equals(company.der)).toBe(true);
    expect(authority.slots.map(({ status }) => status)).toEqual(["active"]);
    const common = { uri_sans: "spiffe://shop.example", use_csr_values: true, max_path_length: 0, format: "pem" };
    expect(asked).toMatchObject([common]);
  });

  test("is told what Vault complains of, and never the token", async () => {
    await writeFile(at("token"), "hvs.wrong", { mode: 0o600 });
    const opened = told(await open());
    expect(opened).toContain("status 403 2 errors occurred: permission denied");
    expect(opened).not.toContain("hvs.");
  });

  test.each([
    ["no data", () => undefined, "did not answer by certificates"],
    ["no root", (data: object) => ({ ...data, ca_chain: [] }), "does not end with a root"],
    ["another's certificate", (data: object) => ({ ...data, certificate: company.pem }), "for another key"],
    [
      "another's chain",
      (data: object) => ({ ...data, issuing_ca: company.pem, ca_chain: [] }),
      "not signed by the root",
    ],
  ])("signs nothing by an answer with %s", async (_, change, why) => {
    spoil = change;
    const opened = told(await open());
    expect(opened).toContain("HDL_AUTHORITY_UPSTREAM");
    expect(opened).toContain(why);
  });

  test("shows its token to nobody whom the authorities given do not vouch for, and never in the clear", async () => {
    const other = await CompanyAuthority.found();
    await writeFile(at("ca.pem"), other.pem);
    expect(told(await open())).toContain("cannot be reached");
    expect(told(await open({ url: "http://vault.example/v1/pki" }))).toContain("no `https` URL");
    await writeFile(at("ca.pem"), "nothing");
    expect(told(await open())).toContain("holds no certificate");
    expect(asked).toEqual([]);
  });
});
