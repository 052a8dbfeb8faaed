/** An authority above this one whose certificate and key lie in files, as SPIRE's `disk` has it: the key certifies issuing keys. */
import { equalConstantTime, importAuthorityKey, sha256 } from "#engine/crypto";
import { readTextFile } from "#engine/folders";
import type { PrivateFiles } from "#engine/private-files";
import type { Random } from "#engine/random";
import type { Clock } from "#engine/time";
import {
  BACKDATE_MS,
  type CertificateFacts,
  decodePem,
  encodeCertificate,
  parseCertificate,
  type RequestedAuthority,
} from "#identity";
import { failure, problem, type Result, success } from "#model";
import { provenKey } from "./issuing.ts";
import type { UpstreamAuthority, UpstreamCertificate } from "./upstream.ts";

export interface UpstreamFilesOptions {
  /** PEM: the authority's certificate, then those between it and the root. */
  readonly certificateFile: string;
  /** PEM, 0600: its key, EC or RSA. */
  readonly keyFile: string;
  /** PEM: the root. Absent for an authority that is the root itself. */
  readonly rootFile?: string | undefined;
  /** File with the passphrase of the key, 0600. */
  readonly passphraseFile?: string | undefined;
  readonly files: PrivateFiles;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Pick<Random, "bytes">;
}

const ISSUING_LIFE_MS = 365 * 86_400_000;

/** Its files are read whenever a key is certified, and the key is in memory no longer than that. Fails with `HDL_AUTHORITY_UPSTREAM`. */
export function upstreamFiles(options: UpstreamFilesOptions): UpstreamAuthority {
  return {
    async sign(csrDer, wanted) {
      const path = await pathIn(options);
      if (!path.ok) return path;
      const { signing, intermediates, root } = path.value;
      const certificate = await certify(options, { csrDer, wanted, signing });
      return certificate.ok ? success({ certificate: certificate.value, intermediates, root }) : certificate;
    },
  };
}

interface SigningPath extends Pick<UpstreamCertificate, "root"> {
  readonly signing: CertificateFacts;
  /** Begins with the signing authority, unless that is the root. */
  readonly intermediates: readonly Uint8Array[];
}

async function pathIn({ certificateFile, rootFile }: UpstreamFilesOptions): Promise<Result<SigningPath>> {
  const certificates = await certificatesIn(certificateFile);
  if (!certificates.ok) return certificates;
  const { signing, above } = certificates.value;
  if (rootFile === undefined) return success({ signing, intermediates: [], root: signing.der });
  const roots = await certificatesIn(rootFile);
  if (!roots.ok) return roots;
  if (roots.value.above.length > 0) return refuse(`${rootFile} holds more than one root`);
  return success({ signing, intermediates: [signing.der, ...above], root: roots.value.signing.der });
}

async function certify(
  { keyFile, passphraseFile, files, clock, random }: UpstreamFilesOptions,
  asked: { readonly csrDer: Uint8Array; readonly wanted: RequestedAuthority; readonly signing: CertificateFacts },
): Promise<Result<Uint8Array>> {
  const { csrDer, wanted, signing } = asked;
  const proven = provenKey(csrDer);
  if (!proven.ok) return proven;
  const passphrase = passphraseFile === undefined ? success(undefined) : await files.read(passphraseFile);
  if (!passphrase.ok) return passphrase;
  const pem = await files.read(keyFile);
  if (!pem.ok) return pem;
  const key = importAuthorityKey(pem.value ?? "", passphrase.value?.replace(/\r?\n$/, ""));
  if (key === undefined) return refuse(`${keyFile} holds no EC or RSA key that can be used (PEM)`);
  if (!equalConstantTime(key.publicKeyInfo, signing.publicKeyInfo))
    return refuse(`${keyFile} is not the certificate's key`);
  const nowMs = clock.nowMs();
  const template = {
    ...wanted,
    dnsNames: [],
    issuer: signing.subject,
    publicKeyInfo: proven.value,
    serial: random.bytes(16),
    notBeforeMs: nowMs - BACKDATE_MS,
    notAfterMs: Math.min(nowMs + ISSUING_LIFE_MS, signing.notAfterMs),
    subjectKeyId: keyIdOf(proven.value),
    authorityKeyId: signing.subjectKeyId ?? keyIdOf(signing.publicKeyInfo),
    role: { kind: "authority" as const, pathLength: 0 },
  };
  return success(encodeCertificate(template, (data) => key.sign(data), key.algorithm));
}

/** RFC 7093 §2, method 4, with SHA-256. */
function keyIdOf(publicKeyInfo: Uint8Array): Uint8Array {
  return sha256(publicKeyInfo).subarray(0, 20);
}

async function certificatesIn(
  path: string,
): Promise<Result<{ readonly signing: CertificateFacts; readonly above: readonly Uint8Array[] }>> {
  const text = await readTextFile(path);
  if (!text.ok) return text;
  const [first, ...above] = decodePem("CERTIFICATE", text.value ?? "");
  if (first === undefined) return refuse(`${path} holds no certificate (PEM)`);
  const signing = parseCertificate(first);
  return signing.ok ? success({ signing: signing.value, above }) : refuse(`${path}: ${signing.problems[0].message}`);
}

function refuse(why: string): Result<never> {
  return failure(problem("HDL_AUTHORITY_UPSTREAM", `The upstream authority's files cannot be used: ${why}.`));
}
