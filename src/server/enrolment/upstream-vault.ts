/** An upstream authority behind the PKI secrets engine of Vault or OpenBao, asked by its `root/sign-intermediate`. */
import { isSignedBy } from "#engine/crypto";
import { readTextFile } from "#engine/folders";
import { askHttp, type HttpsTrust } from "#engine/http-client";
import type { PrivateFiles } from "#engine/private-files";
import { decodePem, encodePem } from "#identity";
import type { UpstreamAuthority, UpstreamCertificate } from "#identity/authority";
import { failure, problem, type Result, success } from "#model";

export interface UpstreamVaultOptions {
  /** Of the mount, such as `https://vault.example:8200/v1/pki`. */
  readonly url: string;
  /** File with the token, 0600. Read for each request, so that whoever renews it need not restart the server. */
  readonly tokenFile: string;
  /** PEM of the authorities that Vault's own certificate is judged by; those of the machine unless given. */
  readonly caFile?: string | undefined;
  readonly files: PrivateFiles;
}

const TIMEOUT_MS = 15_000;
const ANSWER_BYTES_MAX = 262_144;
const COMPLAINT_CHARS_MAX = 300;
const LIFE = "8760h";
const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/;

/** Fails with `HDL_AUTHORITY_UPSTREAM`, with what Vault complained of. */
export function upstreamVault(options: UpstreamVaultOptions): UpstreamAuthority {
  return {
    async sign(csrDer, { subject, uri }) {
      const body = {
        csr: encodePem("CERTIFICATE REQUEST", csrDer),
        common_name: subject.commonName,
        uri_sans: uri,
        ttl: LIFE,
        max_path_length: 0,
        use_csr_values: true,
        format: "pem",
      };
      const answered = await ask(options, body);
      return answered.ok ? pathIn(answered.value) : answered;
    },
  };
}

async function ask(options: UpstreamVaultOptions, body: object): Promise<Result<unknown>> {
  const { url, tokenFile, files } = options;
  if (!isConfidential(url)) return refuse(`${url} is no \`https\` URL, and the token must not be seen on the way`);
  const token = await files.read(tokenFile);
  if (!token.ok) return token;
  if (token.value === undefined) return refuse(`there is no file ${tokenFile}`);
  const trust = await trustOf(options);
  if (!trust.ok) return trust;
  const asked = await askHttp({
    url: `${url.replace(/\/+$/, "")}/root/sign-intermediate`,
    method: "POST",
    headers: [
      ["content-type", "application/json"],
      ["x-vault-request", "true"],
      ["x-vault-token", token.value.trim()],
    ],
    body: new TextEncoder().encode(JSON.stringify(body)),
    ...trust.value,
    timeoutMs: TIMEOUT_MS,
    bytesMax: ANSWER_BYTES_MAX,
  });
  if (!asked.ok) return refuse(asked.problems[0].message.replace(/\.$/, ""));
  const answer = membersIn(new TextDecoder().decode(asked.value.body));
  if (asked.value.status === 200) return success(answer["data"]);
  const complaint = Array.isArray(answer["errors"]) ? answer["errors"].join("; ").slice(0, COMPLAINT_CHARS_MAX) : "";
  return refuse(`${url} answered with status ${asked.value.status} ${complaint}`.trim());
}

function isConfidential(url: string): boolean {
  const at = URL.parse(url);
  return at?.protocol === "https:" || (at?.protocol === "http:" && LOOPBACK.test(at.hostname));
}

async function trustOf({ caFile }: UpstreamVaultOptions): Promise<Result<{ readonly trust?: HttpsTrust }>> {
  if (caFile === undefined) return success({});
  const text = await readTextFile(caFile);
  if (!text.ok) return text;
  const authoritiesPem = text.value ?? "";
  if (decodePem("CERTIFICATE", authoritiesPem).length === 0) return refuse(`${caFile} holds no certificate (PEM)`);
  return success({ trust: { by: "authorities", authoritiesPem } });
}

/** `ca_chain` begins with the authority that signed and ends with the root. */
function pathIn(data: unknown): Result<UpstreamCertificate> {
  const { certificate, issuing_ca: issuer, ca_chain: chain } = (data ?? {}) as Readonly<Record<string, unknown>>;
  const texts: readonly unknown[] = [issuer, ...(Array.isArray(chain) ? chain : [])];
  const [signed] = decodePem("CERTIFICATE", textOf(certificate));
  const above = [...new Set(texts.map((each) => textOf(each).trim()))].flatMap((pem) => decodePem("CERTIFICATE", pem));
  const root = above.at(-1);
  if (signed === undefined || root === undefined) return refuse("it did not answer by certificates");
  if (!isSignedBy(root, root)) return refuse("its `ca_chain` does not end with a root; import that into the mount");
  return success({ certificate: signed, intermediates: above.slice(0, -1), root });
}

function membersIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function refuse(why: string): Result<never> {
  return failure(problem("HDL_AUTHORITY_UPSTREAM", `Vault certified nothing: ${why}.`));
}
