/**
 * What an agent must know before it can ask the server for anything. Restart-only; all else arrives over xDS.
 *
 * The join token is not part of it: it comes on standard input or in `joinTokenFile`, so that it is never seen in a
 * process list.
 */
import {
  APP_PROTOCOLS,
  type AppProtocol,
  DNS_LABEL,
  failure,
  isAppProtocol,
  type Problem,
  problem,
  type Result,
  type ServiceKey,
  success,
} from "#model";

import { type NodeAttestationSettings, readAttestationSettings } from "./node-attestation/settings.ts";
import type { ProcessSelector } from "./workload-api/selectors.ts";

export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** PEM files: a certificate with its chain, and its key. */
export interface CertificatePaths {
  readonly certificate: string;
  readonly privateKey: string;
}

export interface AgentBootstrap {
  /** `host:port` of the server's listener for agents. */
  readonly server: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Replica's name, unique in its namespace. */
  readonly instance: string;
  /** The service that the workload is an endpoint of, for telemetry. */
  readonly service?: ServiceKey;
  readonly labels: Readonly<Record<string, string>>;
  readonly mode: "sidecar" | "gateway";
  /** Where the inbound mTLS listener is bound; agents of other workloads dial it, unless `advertise` says where else. */
  readonly mesh: SocketAddress;
  /** Where agents of other workloads dial instead, when something passes their connections on: address translation, a balancer at layer 4. */
  readonly advertise?: SocketAddress;
  /** Loopback listener for readiness, metrics and state. */
  readonly admin: SocketAddress;
  /** The workload's own listener; absent for a gateway. `readinessPath` is asked by GET, `readinessGrpc` by gRPC's health protocol; without both it is probed by connecting; `protocol` defaults to `auto`. */
  readonly app?: SocketAddress & {
    readonly readinessPath?: string;
    readonly readinessGrpc?: string;
    readonly protocol: AppProtocol;
    /** An app that speaks TLS: who may have signed its certificate (a PEM file), and the name that it is for. */
    readonly tls?: { readonly caCertificates: string; readonly hostname: string };
  };
  /** With `tls`, callers are heard in TLS and shown this certificate. */
  readonly outbound: readonly (SocketAddress & { readonly service: ServiceKey; readonly tls?: CertificatePaths })[];
  /** Holds the last good configuration; made 0700. */
  readonly stateDirectory: string;
  /** Write the private key there too (0600), so that a restart without the server can go on. Default false. */
  readonly keepKey: boolean;
  /** The SPIFFE Workload API on a Unix socket, for processes that meet one of `allow`. */
  readonly workloadApi?: { readonly socket: string; readonly allow: readonly ProcessSelector[] };
  readonly joinTokenFile?: string;
  /** What the node proves of itself in place of a join token. */
  readonly attestation?: NodeAttestationSettings;
}

type Json = Readonly<Record<string, unknown>>;

/** Collects every fault of one document, each with the path of its field. */
class Reader {
  readonly problems: Problem[] = [];
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  text(from: Json, field: string, path: string): string {
    const value = from[field];
    if (typeof value === "string" && value !== "") return value;
    this.fault(path, "must be a non-empty string");
    return "";
  }

  label(from: Json, field: string): string {
    const value = this.text(from, field, field);
    if (value !== "" && !DNS_LABEL.test(value)) this.fault(field, `\`${value}\` is not an RFC 1123 label`);
    return value;
  }

  socket(value: unknown, path: string): SocketAddress {
    if (!isObject(value)) {
      this.fault(path, "must be an object with `address` and `port`");
      return { address: "", port: 0 };
    }
    const port = value["port"];
    if (typeof port !== "number" || !Number.isInteger(port) || port < 0 || port > 65_535) {
      this.fault(`${path}.port`, "must be a whole number from 0 to 65535");
      return { address: "", port: 0 };
    }
    return { address: this.text(value, "address", `${path}.address`), port };
  }

  fault(path: string, message: string): void {
    this.problems.push(
      problem("HDL_AGENT_BOOTSTRAP", `${path} ${message}`, {
        at: { file: this.#file, line: 1, column: 1, field: path },
      }),
    );
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readOutbound(reader: Reader, value: unknown): AgentBootstrap["outbound"] {
  if (!Array.isArray(value)) {
    reader.fault("outbound", "must be a list");
    return [];
  }
  return value.map((each: unknown, index) => {
    const path = `outbound[${index}]`;
    const service = isObject(each) ? reader.text(each, "service", `${path}.service`) : "";
    if (service !== "" && !service.includes("/")) reader.fault(`${path}.service`, "must be `namespace/name`");
    const tls = isObject(each) ? readCertificatePaths(reader, each["tls"], `${path}.tls`) : {};
    return { ...reader.socket(each, path), service: service as ServiceKey, ...tls };
  });
}

function readCertificatePaths(reader: Reader, value: unknown, path: string): { readonly tls?: CertificatePaths } {
  if (value === undefined) return {};
  const from = isObject(value) ? value : {};
  const certificate = reader.text(from, "certificate", `${path}.certificate`);
  return { tls: { certificate, privateKey: reader.text(from, "privateKey", `${path}.privateKey`) } };
}

function readAppTls(reader: Reader, value: unknown): Pick<NonNullable<AgentBootstrap["app"]>, "tls"> {
  if (value === undefined) return {};
  const from = isObject(value) ? value : {};
  const caCertificates = reader.text(from, "caCertificates", "app.tls.caCertificates");
  return { tls: { caCertificates, hostname: reader.text(from, "hostname", "app.tls.hostname") } };
}

function readLabels(reader: Reader, value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (isObject(value) && Object.values(value).every((each) => typeof each === "string")) {
    return value as Record<string, string>;
  }
  reader.fault("labels", "must map names to strings");
  return {};
}

function readApp(reader: Reader, document: Json, mode: string): Pick<AgentBootstrap, "app"> {
  const app = document["app"];
  if (app === undefined) {
    if (mode === "sidecar") reader.fault("app", "is needed in sidecar mode");
    return {};
  }
  const { readinessPath, readinessGrpc, protocol, tls } = isObject(app) ? app : {};
  if (protocol !== undefined && !isAppProtocol(protocol)) {
    reader.fault("app.protocol", `must be one of ${APP_PROTOCOLS.join(", ")}`);
  }
  return {
    app: {
      ...reader.socket(app, "app"),
      ...(typeof readinessPath === "string" ? { readinessPath } : {}),
      ...(typeof readinessGrpc === "string" ? { readinessGrpc } : {}),
      protocol: isAppProtocol(protocol) ? protocol : "auto",
      ...readAppTls(reader, tls),
    },
  };
}

const SELECTOR_FIELDS: Readonly<Record<keyof ProcessSelector, "number" | "string">> = {
  uid: "number",
  gid: "number",
  path: "string",
  sha256: "string",
  cgroup: "string",
  processFile: "string",
};

function readWorkloadApi(reader: Reader, value: unknown): Pick<AgentBootstrap, "workloadApi"> {
  if (value === undefined) return {};
  const from = isObject(value) ? value : {};
  const { allow } = from;
  const selectors: readonly unknown[] = Array.isArray(allow) ? allow : [];
  if (selectors.length === 0) reader.fault("workloadApi.allow", "must be a list of at least one selector");
  const read = selectors.map((each, index) => readSelector(reader, each, `workloadApi.allow[${index}]`));
  return { workloadApi: { socket: reader.text(from, "socket", "workloadApi.socket"), allow: read } };
}

function readSelector(reader: Reader, value: unknown, path: string): ProcessSelector {
  const entries = Object.entries(isObject(value) ? value : {});
  if (entries.length === 0) reader.fault(path, `must name at least one of ${Object.keys(SELECTOR_FIELDS).join(", ")}`);
  for (const [name, each] of entries) {
    const type = Object.hasOwn(SELECTOR_FIELDS, name) ? SELECTOR_FIELDS[name as keyof ProcessSelector] : undefined;
    if (type === undefined) reader.fault(`${path}.${name}`, "is no attribute of a process");
    else if (typeof each !== type || each === "") reader.fault(`${path}.${name}`, `must be a ${type}`);
  }
  return Object.fromEntries(entries) as ProcessSelector;
}

function readAttestation(reader: Reader, value: unknown): Pick<AgentBootstrap, "attestation"> {
  if (value === undefined) return {};
  const fault = (field: string, message: string): void => reader.fault(`attestation.${field}`, message);
  const attestation = readAttestationSettings(isObject(value) ? value : {}, fault);
  return attestation === undefined ? {} : { attestation };
}

/** Reads the bootstrap document; every fault is told at once. `given` stands in place of what the document says. */
export function parseBootstrap(
  text: string,
  file: string,
  given: { readonly attestation?: Readonly<Record<string, unknown>> | undefined } = {},
): Result<AgentBootstrap> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    return failure(problem("HDL_AGENT_BOOTSTRAP", `${file} is not JSON: ${String(cause)}`, { cause }));
  }
  if (!isObject(document)) return failure(problem("HDL_AGENT_BOOTSTRAP", `${file} must hold one JSON object`));
  const reader = new Reader(file);
  const mode = document["mode"] ?? "sidecar";
  if (mode !== "sidecar" && mode !== "gateway") reader.fault("mode", 'must be "sidecar" or "gateway"');
  const service = document["service"];
  const joinTokenFile = document["joinTokenFile"];
  const bootstrap: AgentBootstrap = {
    server: reader.text(document, "server", "server"),
    namespace: reader.label(document, "namespace"),
    serviceAccount: reader.label(document, "serviceAccount"),
    instance: reader.label(document, "instance"),
    labels: readLabels(reader, document["labels"]),
    mode: mode === "gateway" ? "gateway" : "sidecar",
    mesh: reader.socket(document["mesh"], "mesh"),
    admin: reader.socket(document["admin"], "admin"),
    outbound: readOutbound(reader, document["outbound"] ?? []),
    stateDirectory: reader.text(document, "stateDirectory", "stateDirectory"),
    keepKey: document["keepKey"] === true,
    ...readApp(reader, document, String(mode)),
    ...readWorkloadApi(reader, document["workloadApi"]),
    ...(document["advertise"] === undefined ? {} : { advertise: reader.socket(document["advertise"], "advertise") }),
    ...readAttestation(reader, given.attestation ?? document["attestation"]),
    ...(typeof service === "string" ? { service: service as ServiceKey } : {}),
    ...(typeof joinTokenFile === "string" ? { joinTokenFile } : {}),
  };
  const [first, ...rest] = reader.problems;
  return first === undefined ? success(bootstrap) : failure(first, ...rest);
}
