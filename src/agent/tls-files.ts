/** Certificates that are the user's and not the mesh's: what a gateway shows its callers, and who signed an app's own. */
import { certificateFault, certificateIn } from "#engine/crypto";
import { readTextFile } from "#engine/folders";
import type { PrivateFiles } from "#engine/private-files";
import type { ServerCertificate } from "#engine/sockets";
import type { Cancel, Clock, Timers } from "#engine/time";
import { failure, formatProblems, problem, type Result, type ServiceKey, success } from "#model";
import type { AgentBootstrap, CertificatePaths } from "./bootstrap.ts";

export interface TlsFiles {
  /** PEM; undefined for an app that is reached in the clear. */
  readonly appAuthoritiesPem: string | undefined;
  /** By the service that a listener sends to. */
  readonly certificates: ReadonlyMap<ServiceKey, ServedCertificate>;
}

interface Surroundings {
  readonly files: PrivateFiles;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: (line: string) => void;
}

/** How often the files of a certificate are looked at, so that a renewed one is shown without a restart. */
const LOOK_MS = 10_000;

/** Reads every file that the bootstrap document names. Fails with `HDL_AGENT_TLS_FILE`, naming the file. */
export async function readTlsFiles(bootstrap: AgentBootstrap, surroundings: Surroundings): Promise<Result<TlsFiles>> {
  const { app, outbound } = bootstrap;
  const authorities = app?.tls === undefined ? success(undefined) : await readAuthorities(app.tls.caCertificates);
  if (!authorities.ok) return authorities;
  const certificates = new Map<ServiceKey, ServedCertificate>();
  for (const { service, tls } of outbound) {
    if (tls === undefined) continue;
    const certificate = await readCertificate(tls, surroundings);
    if (!certificate.ok) return certificate;
    certificates.set(service, new ServedCertificate(tls, certificate.value, surroundings));
  }
  return success({ appAuthoritiesPem: authorities.value, certificates });
}

/** One certificate with its key, as fresh as its files. */
export class ServedCertificate {
  readonly #paths: CertificatePaths;
  readonly #surroundings: Surroundings;
  #current: ServerCertificate;
  /** What was wrong with the files when they were last looked at: told once. */
  #fault = "";
  #cancel: Cancel | undefined;

  constructor(paths: CertificatePaths, current: ServerCertificate, surroundings: Surroundings) {
    this.#paths = paths;
    this.#current = current;
    this.#surroundings = surroundings;
  }

  get current(): ServerCertificate {
    return this.#current;
  }

  start(): void {
    this.#cancel = this.#surroundings.timers.every(LOOK_MS, () => void this.look());
  }

  stop(): void {
    this.#cancel?.();
  }

  /** Takes what the files hold now. One that cannot be used changes nothing. */
  async look(): Promise<void> {
    const read = await readCertificate(this.#paths, this.#surroundings);
    const fault = read.ok ? "" : formatProblems(read.problems);
    if (fault !== "" && fault !== this.#fault) this.#surroundings.log(`${fault}\nthe one before is still shown`);
    this.#fault = fault;
    if (!read.ok || read.value.certificateChainPem === this.#current.certificateChainPem) return;
    this.#current = read.value;
    this.#surroundings.log(`${this.#paths.certificate} has changed, and is shown from now on`);
  }
}

async function readCertificate(
  { certificate, privateKey }: CertificatePaths,
  { files, clock }: Surroundings,
): Promise<Result<ServerCertificate>> {
  const chain = await readTextFile(certificate);
  if (!chain.ok) return chain;
  if (chain.value === undefined) return missing(certificate);
  const key = await files.read(privateKey);
  if (!key.ok) return key;
  if (key.value === undefined) return missing(privateKey);
  const read = { certificateChainPem: chain.value, privateKeyPem: key.value };
  const fault = certificateFault(read, clock.nowMs());
  return fault === undefined ? success(read) : unusable(`${certificate} with ${privateKey}: ${fault}`);
}

async function readAuthorities(path: string): Promise<Result<string>> {
  const text = await readTextFile(path);
  if (!text.ok) return text;
  if (text.value === undefined) return missing(path);
  return certificateIn(text.value) === undefined
    ? unusable(`${path} holds no certificate in PEM`)
    : success(text.value);
}

function missing(path: string): Result<never> {
  return unusable(`there is no ${path}`);
}

function unusable(message: string): Result<never> {
  return failure(problem("HDL_AGENT_TLS_FILE", message));
}
