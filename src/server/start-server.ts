import type { WorkloadRegistry } from "#discovery";
import { type FolderLock, lockFolder } from "#engine/folder-lock";
import { privateFiles } from "#engine/private-files";
import { systemRandom } from "#engine/random";
import { systemClock, systemTimers } from "#engine/time";
import { parseTrustDomain } from "#identity";
import { storedJoinTokens, type TokenDocuments } from "#identity/attestation";
import { SERVICE_LABEL } from "#mesh";
import { type Failure, type Result, success } from "#model";
import { Telemetry } from "#proto";
import type { TelemetryStore } from "#telemetry/store";
import { type AgentPlane, type AgentPlaneListener, type ResourceSource, startAgentPlane } from "./agent-plane.ts";
import type { UpstreamSettings } from "./enrolment/upstream.ts";
import { storedIssuerKeys } from "./issuer-keys/stored-issuer-keys.ts";
import { TelemetryIngest } from "./observe/ingest.ts";
import { storedRegistry } from "./stored-registry.ts";
import { telemetryService } from "./telemetry-service.ts";

export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

export interface ServerOptions {
  /** Made 0700. Holds everything that must outlive the process. */
  readonly dataDirectory: string;
  /** REST API and console. */
  readonly api: SocketAddress;
  /** gRPC for agents, over mutual TLS. */
  readonly agents: SocketAddress;
  readonly trustDomain: string;
  /** File with the passphrase of the authority's keys. */
  readonly passphraseFile?: string;
  /** Certifies issuing keys in place of a root of the domain's own. */
  readonly upstream?: UpstreamSettings;
  /** URL of the OpenID Connect provider that publishes the keys of JWT-SVIDs. */
  readonly issuer?: string;
  /** Where the trust bundle is published under the server's own SVID. */
  readonly bundleEndpoint?: SocketAddress;
  readonly stores: ServerStores;
  /** Binds the REST API over the running plane. */
  readonly startApi: (plane: AgentPlane, options: ServerOptions) => Promise<Result<RunningApi>>;
  readonly listener: AgentPlaneListener;
}

/** What the server keeps, opened by its caller. */
export interface ServerStores {
  readonly documents: TokenDocuments;
  readonly resources: ResourceSource;
  readonly telemetry: TelemetryStore;
  /** Closes them; called last. */
  close(): void;
}

export interface RunningApi {
  readonly port: number;
  stop(): Promise<void>;
}

export interface RunningServer {
  readonly plane: AgentPlane;
  readonly apiPort: number;
  readonly agentsPort: number;
  /** API, agents, stores, in that order. */
  stop(): Promise<void>;
}

/** Starts a server. What was started is stopped again on a failure; fails with the problem of the part that could not start. */
export async function startServer(options: ServerOptions): Promise<Result<RunningServer>> {
  const lock = lockFolder(options.dataDirectory);
  if (!lock.ok) return closed(options, lock);
  const started = await startLocked(options, lock.value);
  if (!started.ok) lock.value.release();
  return started;
}

async function startLocked(options: ServerOptions, lock: FolderLock): Promise<Result<RunningServer>> {
  const plane = await startPlane(options);
  if (!plane.ok) return closed(options, plane);
  const api = await options.startApi(plane.value, options);
  if (!api.ok) {
    await plane.value.stop();
    return closed(options, api);
  }
  return success({
    plane: plane.value,
    apiPort: api.value.port,
    agentsPort: plane.value.port,
    async stop() {
      await api.value.stop();
      await plane.value.stop();
      options.stores.close();
      lock.release();
    },
  });
}

async function startPlane(options: ServerOptions): Promise<Result<AgentPlane>> {
  const { agents, dataDirectory, passphraseFile, stores, listener } = options;
  const trustDomain = parseTrustDomain(options.trustDomain);
  if (!trustDomain.ok) return trustDomain;
  const serviceOf = (namespace: string, account: string): string | undefined =>
    plane === undefined ? undefined : serviceOfAccount(plane.registry, namespace, account);
  const ingest = new TelemetryIngest({ store: stores.telemetry, clock: systemClock, serviceOf });
  let plane: AgentPlane | undefined;
  const started = await startAgentPlane({
    ...agents,
    trustDomain: trustDomain.value,
    authorityDirectory: `${dataDirectory}/ca`,
    ...(passphraseFile === undefined ? {} : { passphraseFile }),
    ...(options.upstream === undefined ? {} : { upstream: options.upstream }),
    tokens: storedJoinTokens(stores.documents),
    documents: stores.documents,
    ...(options.issuer === undefined ? {} : { issuer: options.issuer }),
    ...(options.bundleEndpoint === undefined ? {} : { bundleEndpoint: options.bundleEndpoint }),
    registry: storedRegistry(stores.documents),
    issuerKeys: storedIssuerKeys(stores.documents),
    resources: stores.resources,
    services: (router, callerOf) => router.service(Telemetry, telemetryService(ingest, callerOf)),
    files: privateFiles,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    listener,
  });
  if (started.ok) plane = started.value;
  return started;
}

/** Service of a workload that agents know by its certificate alone. */
function serviceOfAccount(registry: WorkloadRegistry, namespace: string, account: string): string | undefined {
  const entry = registry.entries.find(
    ({ workload }) => workload.namespace === namespace && workload.serviceAccount === account,
  );
  return entry?.workload.labels[SERVICE_LABEL];
}

function closed({ stores }: ServerOptions, failed: Failure): Failure {
  stores.close();
  return failed;
}
