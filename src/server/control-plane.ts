import { readTextFile } from "#engine/folders";
import { privateFiles } from "#engine/private-files";
import { systemRandom } from "#engine/random";
import { type Cancel, systemClock, systemTimers } from "#engine/time";
import { type AuditLine, describeAuditFault, failure, problem, type Result, success } from "#model";
import type { ResourceStore } from "#store";
import type { TelemetryStore } from "#telemetry/store";
import { ApiTokens } from "./administration/api-tokens.ts";
import { IdentityProvider } from "./administration/identity-provider.ts";
import { Logins } from "./administration/logins.ts";
import { Refusals } from "./administration/refusals.ts";
import type { AgentPlane, AgentPlaneListener } from "./agent-plane.ts";
import type { UpstreamSettings } from "./enrolment/upstream.ts";
import { CertificateAlarms } from "./observe/certificate-watch.ts";
import { Access } from "./rest/access.ts";
import { type ApiTls, startRest } from "./rest/start-rest.ts";
import { type RunningApi, type SocketAddress, startServer } from "./start-server.ts";
import { type OpenStores, openStores } from "./stores.ts";
import { watchedCertificates } from "./watched-certificates.ts";

export interface ControlPlaneOptions {
  /** Made 0700. Holds the databases, the authority and `admin.json`. */
  readonly dataDirectory: string;
  readonly api: SocketAddress;
  readonly agents: SocketAddress;
  readonly trustDomain: string;
  readonly passphraseFile?: string;
  /** Certifies issuing keys in place of a root of the domain's own. */
  readonly upstream?: UpstreamSettings;
  /** `https://…` under which the API is the issuer of JWT-SVIDs. */
  readonly issuer?: string;
  /** Where other trust domains fetch the bundle, under the server's own SVID. */
  readonly bundleEndpoint?: SocketAddress;
  /** Certificate and key (PEM) of the API; needed wherever it listens beyond loopback. */
  readonly apiTls?: { readonly certificateFile: string; readonly keyFile: string };
  /** Who knows the people; undefined lets none log in by name. */
  readonly identityProvider?: IdentityProviderSettings;
  /** Folder of the built console; undefined serves none. */
  readonly consoleDirectory: string | undefined;
  readonly version: string;
  readonly log: ServerLog;
}

export interface IdentityProviderSettings {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecretFile?: string;
  readonly scopes: string;
  readonly groupsClaim: string;
  /** Where people reach the API, if not at its own address. */
  readonly publicUrl?: string;
}

/** Where the server tells what happens. Fields never hold a secret. */
export type ServerLog = (level: "info" | "warn" | "error", message: string, fields?: object) => void;

export interface ControlPlane {
  readonly url: string;
  /** `address:port` for agents. */
  readonly agents: string;
  stop(): Promise<void>;
}

/** The admin credential of an earlier start, or a new one; 0600 either way. */
async function adminToken(path: string): Promise<Result<string>> {
  const text = await privateFiles.read(path);
  if (!text.ok) return text;
  try {
    const { token } = JSON.parse(text.value ?? "{}") as { token?: unknown };
    if (typeof token === "string" && token.length >= 32) return success(token);
  } catch {
    // A damaged file is replaced: whoever may read it may also read the new one.
  }
  return success(systemRandom.bytes(32).toBase64({ alphabet: "base64url", omitPadding: true }));
}

type Audit = (line: AuditLine) => void;

/** A line that cannot be written is told: what it is about has happened all the same. */
function openAudit(resources: ResourceStore, log: ServerLog): Audit {
  tellAuditFaults(resources, log);
  return (line) => {
    const written = resources.audit(line);
    if (!written.ok) log("error", written.problems[0].message);
  };
}

const FAULTS_TOLD = 5;

/** Tells at the start what of the log is not as it was written. It goes on all the same: what happens now must be written down. */
function tellAuditFaults({ auditLog }: ResourceStore, log: ServerLog): void {
  const verified = auditLog.verify();
  if (!verified.ok) return log("error", verified.problems[0].message);
  for (const fault of verified.value.slice(0, FAULTS_TOLD)) {
    log("error", "the audit log is not as it was written", { fault: describeAuditFault(fault) });
  }
}

function planeListener(audit: Audit, refusals: Refusals, log: ServerLog): AgentPlaneListener {
  const attested = new Refusals({ clock: systemClock, audit, what: "attestations" });
  return {
    onIssued: () => {},
    onTokenAudit({ kind, atMs, actor, tokenId, workloads, code }) {
      const names = workloads.map(({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}`).join(", ");
      const detail = [`token ${tokenId}`, names, code ?? ""].filter((part) => part !== "").join(" ");
      const namespaces = [...new Set(workloads.map(({ namespace }) => namespace))].sort();
      if (kind === "token-refused") refusals.write({ actor, action: kind, detail, namespaces });
      else audit({ atMs, actor, action: kind, detail, namespaces });
      if (kind === "token-refused") log("warn", "a join token was refused", { tokenId, actor, code });
    },
    onNodeAudit({ kind, actor, namespace, serviceAccount, instance, node, problem: why }) {
      const detail = [node, `${namespace}/${serviceAccount}`, instance, why?.code ?? ""]
        .filter((part) => part !== "")
        .join(" ");
      const line = { actor, action: kind, detail, namespaces: [namespace] };
      (kind === "node-refused" ? refusals : attested).write(line);
      if (kind === "node-refused") log("warn", "evidence of a node was refused", { node, actor, why: why?.message });
    },
    onRotation(step) {
      const what = step.step === "remove-root" ? `root ${step.root}` : `issuing key ${step.slot}`;
      audit({
        atMs: systemClock.nowMs(),
        actor: "server",
        action: "authority-rotated",
        detail: `${step.step} ${what}`,
        namespaces: [],
      });
    },
    onRefusal: (agent, refusal) => log("warn", "an agent refused its configuration", { agent, refusal }),
    onFailure: ({ problems }) => log("error", problems.map(({ code, message }) => `${message} [${code}]`).join("; ")),
  };
}

interface ApiParts extends ControlPlaneOptions {
  readonly tls: ApiTls | undefined;
  readonly adminToken: string;
  readonly stores: OpenStores;
  readonly audit: Audit;
  readonly refusals: Refusals;
  readonly isReady: () => boolean;
}

const LOGIN_CALLBACK = "/api/v1/login/callback";

async function openLogins(parts: ApiParts): Promise<Result<Logins | undefined>> {
  const { identityProvider, api, tls } = parts;
  if (identityProvider === undefined) return success(undefined);
  const { issuer, clientId, clientSecretFile, scopes, groupsClaim } = identityProvider;
  if (!isTrustworthy(issuer))
    return failure(problem("HDL_SERVER_IDENTITY_PROVIDER", `the issuer ${issuer} is not an \`https\` URL`));
  const secret = clientSecretFile === undefined ? success(undefined) : await privateFiles.read(clientSecretFile);
  if (!secret.ok) return secret;
  if (clientSecretFile !== undefined && secret.value === undefined)
    return failure(problem("HDL_SERVER_IDENTITY_PROVIDER", `there is no file ${clientSecretFile}`));
  const clientSecret = secret.value?.trim();
  const provider = new IdentityProvider({ issuer, clientId, clientSecret, scopes, groupsClaim, clock: systemClock });
  const own = `${tls === undefined ? "http" : "https"}://${api.address}:${api.port}`;
  const redirectUri = `${identityProvider.publicUrl ?? own}${LOGIN_CALLBACK}`;
  return success(new Logins({ provider, redirectUri, clock: systemClock, random: systemRandom }));
}

/** In TLS, or on this host: whoever can change the provider's answers can be anybody. */
function isTrustworthy(issuer: string): boolean {
  const url = URL.parse(issuer);
  return url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.test(url.hostname.replace(/[[\]]/g, "")));
}

async function startApi(plane: AgentPlane, parts: ApiParts): Promise<Result<RunningApi>> {
  const { documents } = parts.stores;
  const apiTokens = new ApiTokens({ documents, clock: systemClock, random: systemRandom });
  const opened = await apiTokens.open();
  if (!opened.ok) return opened;
  const logins = await openLogins(parts);
  if (!logins.ok) return logins;
  return startRest({
    ...parts,
    logins: logins.value,
    publicUrl: parts.identityProvider?.publicUrl,
    ...parts.stores,
    listen: parts.api,
    issuer: parts.issuer,
    plane,
    apiTokens,
    access: new Access({ adminToken: parts.adminToken, apiTokens, clock: systemClock, random: systemRandom }),
    agentsAddress: `${parts.agents.address}:${plane.port}`,
  });
}

/** The whole control plane with its databases, API and console. The admin credential is in `admin.json` once it runs. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<Result<ControlPlane>> {
  const { api, agents, dataDirectory, log } = options;
  const tls = await readApiTls(options);
  if (!tls.ok) return tls;
  const credentialFile = `${dataDirectory}/admin.json`;
  const token = await adminToken(credentialFile);
  if (!token.ok) return token;
  const stores = await openStores(dataDirectory, {
    clock: systemClock,
    random: systemRandom,
    // Wherever the log is kept, the entries are too, and with them the heads that the server itself cannot take back.
    onAudit: (entry) => log("info", "audit", { entry }),
  });
  if (!stores.ok) return stores;
  const { resources, telemetry } = stores.value;
  const parts = { ...options, tls: tls.value, adminToken: token.value, stores: stores.value };
  const audit = openAudit(resources, log);
  const refusals = new Refusals({ clock: systemClock, audit });
  let isReady = false;
  const started = await startServer({
    ...options,
    stores: stores.value,
    startApi: (plane) => startApi(plane, { ...parts, audit, refusals, isReady: () => isReady }),
    listener: planeListener(audit, refusals, log),
  });
  if (!started.ok) return started;
  const url = `${tls.value === undefined ? "http" : "https"}://${api.address}:${started.value.apiPort}`;
  const written = await privateFiles.write(credentialFile, `${JSON.stringify({ url, token: token.value })}\n`);
  if (!written.ok) {
    await started.value.stop();
    return written;
  }
  isReady = true;
  const cancels = [maintain(telemetry, log), watchCertificates(started.value.plane, log)];
  return success({
    url,
    agents: `${agents.address}:${started.value.agentsPort}`,
    stop() {
      for (const cancel of cancels) cancel();
      return started.value.stop();
    },
  });
}

const MAINTAIN_MS = 10_000;

/** Rolls telemetry up and lets go of what is old. A failure is told once, and when it ends. */
function maintain(telemetry: TelemetryStore, log: ServerLog): Cancel {
  let isFailing = false;
  return systemTimers.every(MAINTAIN_MS, () => {
    const maintained = telemetry.maintain(systemClock.nowMs());
    if (!maintained.ok && !isFailing) log("error", maintained.problems[0].message);
    if (maintained.ok && isFailing) log("info", "telemetry is maintained again");
    isFailing = !maintained.ok;
  });
}

/** Says in the log when a certificate nears its end without having been replaced, whatever the reason. */
function watchCertificates(plane: AgentPlane, log: ServerLog): Cancel {
  const alarms = new CertificateAlarms();
  return systemTimers.every(MAINTAIN_MS, () => {
    for (const { level, message, certificate } of alarms.look(watchedCertificates(plane), systemClock.nowMs()))
      log(level, message, { certificate });
  });
}

const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|::1|localhost)$/;

/** The API's certificate and key. Beyond loopback the admin credential must not travel in the open. */
async function readApiTls({ api, apiTls }: ControlPlaneOptions): Promise<Result<ApiTls | undefined>> {
  if (apiTls === undefined) {
    if (LOOPBACK.test(api.address)) return success(undefined);
    return failure(problem("HDL_SERVER_API_EXPOSED", `the API would listen on ${api.address} without encryption`));
  }
  const certificate = await readTextFile(apiTls.certificateFile);
  const key = await privateFiles.read(apiTls.keyFile);
  if (!certificate.ok) return certificate;
  if (!key.ok) return key;
  if (certificate.value !== undefined && key.value !== undefined) {
    return success({ certificatePem: certificate.value, keyPem: key.value });
  }
  const missing = certificate.value === undefined ? apiTls.certificateFile : apiTls.keyFile;
  return failure(problem("HDL_SERVER_API_EXPOSED", `there is no file ${missing}`));
}
