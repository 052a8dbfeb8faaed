import {
  Code,
  ConnectError,
  type ConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type RegistryStore, WorkloadRegistry } from "#discovery";
import { sha256Hex } from "#engine/crypto";
import { askHttp } from "#engine/http-client";
import { type ConnectionFacts, type Http2Server, serveHttp2 } from "#engine/http2-server";
import type { PrivateFiles } from "#engine/private-files";
import type { Random } from "#engine/random";
import type { Cancel, Clock, Timers } from "#engine/time";
import { bundleSet, type SpiffeId, svidStanding, type TrustDomain } from "#identity";
import type { JoinTokenAudit, JoinTokenStore } from "#identity/attestation";
import type { RotationStep } from "#identity/authority";
import type { Failure, Problem, Resource, Result, WorkloadKey } from "#model";
import { success } from "#model";
import { AggregatedDiscoveryService, Identity, Registry } from "#proto";
import { DiscoveryServer, type Refusal, type StreamAgent } from "#xds/server";
import type { SvidIssuance } from "./enrolment/enrolment.ts";
import { type IdentityPlane, type RevocationTarget, startIdentityPlane } from "./enrolment/identity-plane.ts";
import { identityService } from "./enrolment/identity-service.ts";
import type { MemberReport } from "./enrolment/members.ts";
import { type ConnectionPeer, peerOfConnection } from "./enrolment/peer.ts";
import type { LedgerDocuments } from "./enrolment/svid-ledger.ts";
import { IssuerKeyring, type KeptKeysStore } from "./issuer-keys/issuer-keys.ts";
import { registryService } from "./registry-service.ts";
import { SnapshotLoop } from "./snapshot-loop.ts";

/** The applied resources. */
export interface ResourceSource {
  /** The same array until something was applied. */
  readonly resources: () => readonly Resource[];
  readonly onChange: (listener: () => void) => Cancel;
}

/** Who is told of what happens to agents. None of it holds a secret. */
export interface AgentPlaneListener {
  readonly onIssued: (issuance: SvidIssuance) => void;
  readonly onTokenAudit: (entry: JoinTokenAudit) => void;
  readonly onRotation: (step: RotationStep) => void;
  readonly onRefusal: (agent: StreamAgent, refusal: Refusal) => void;
  readonly onFailure: (failed: Failure) => void;
}

export interface AgentPlaneOptions {
  readonly address: string;
  readonly port: number;
  readonly trustDomain: TrustDomain;
  /** Folder of the certificate authority. */
  readonly authorityDirectory: string;
  readonly passphraseFile?: string;
  readonly tokens: JoinTokenStore;
  readonly svids: LedgerDocuments;
  readonly registry: RegistryStore;
  readonly resources: ResourceSource;
  /** Of token issuers, fetched before. */
  readonly issuerKeys: KeptKeysStore;
  /** Adds services for agents, such as telemetry's. `callerOf` throws for a caller without a certificate. */
  readonly services?: (router: ConnectRouter, callerOf: (context: HandlerContext) => SpiffeId) => void;
  readonly files: PrivateFiles;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly listener: AgentPlaneListener;
}

const peerKey = createContextKey<ConnectionPeer | undefined>(undefined);
/** A joining agent asks once and leaves; nobody needs longer without a certificate. */
const ANONYMOUS_LIFETIME_MS = 30_000;
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
const STOP_GRACE_MS = 500;

/** Everything of the server that agents talk to: identities, the registry, discovery, on one listener. */
export class AgentPlane {
  readonly identity: IdentityPlane;
  readonly registry: WorkloadRegistry;
  readonly discovery: DiscoveryServer;
  readonly #loop: SnapshotLoop;
  readonly #listener: Http2Server;
  readonly #cancel: Cancel;

  /** Use `startAgentPlane`. */
  constructor(
    parts: Pick<AgentPlane, "identity" | "registry" | "discovery">,
    inner: { readonly loop: SnapshotLoop; readonly listener: Http2Server; readonly cancel: Cancel },
  ) {
    this.identity = parts.identity;
    this.registry = parts.registry;
    this.discovery = parts.discovery;
    this.#loop = inner.loop;
    this.#listener = inner.listener;
    this.#cancel = inner.cancel;
  }

  get port(): number {
    return this.#listener.port;
  }

  get snapshot() {
    return this.#loop.snapshot;
  }

  /** Streams first, so that no agent hears of the others' leaving; then the listener, the registry and the authority. */
  async stop(): Promise<void> {
    this.#cancel();
    this.#loop.stop();
    this.discovery.stop();
    await this.#listener.stop(STOP_GRACE_MS);
    await this.registry.stop();
    await this.identity.stop();
  }
}

/** Opens the authority and the registry and binds the listener, in that order; what was started is stopped again on a failure. */
export async function startAgentPlane(options: AgentPlaneOptions): Promise<Result<AgentPlane>> {
  const later: Later = {
    rotate: () => undefined,
    touch: () => undefined,
    cutOff: () => undefined,
    reports: () => new Map(),
    ttlMs: () => 3_600_000,
  };
  const identity = await startIdentity(options, later);
  if (!identity.ok) return identity;
  const { trustDomain, timers, resources, listener } = options;
  const registry = registryOf(options, () => later.touch());
  const keyring = keyringOf(options, () => later.touch());
  const restored = await restore(registry, keyring);
  if (!restored.ok) {
    await identity.value.stop();
    return restored;
  }
  const inputs = () => ({
    resources: resources.resources(),
    registrations: registry.workloads,
    bundles: [identity.value.authority.bundle],
    issuerKeys: keyring.keys,
  });
  const loop = new SnapshotLoop({ trustDomain, inputs, timers, publish: (next) => discovery.publish(next) });
  const { onRefusal } = listener;
  const discovery = new DiscoveryServer({ hash: sha256Hex, timers, snapshot: loop.snapshot, onRefusal });
  loop.refresh();
  later.touch = () => loop.touch();
  later.ttlMs = () => loop.snapshot.settings.svidTtlMs;
  const parts = { identity: identity.value, registry, discovery };
  const bound = await listen(options, parts);
  if (!bound.ok) {
    await registry.stop();
    await identity.value.stop();
    return bound;
  }
  complete(later, parts, bound.value);
  const cancel = follow(resources, keyring, loop);
  return success(new AgentPlane(parts, { loop, listener: bound.value, cancel }));
}

function registryOf({ registry: store, clock, timers, listener }: AgentPlaneOptions, onChange: () => void) {
  const onProblem = (each: Problem): void => listener.onFailure({ ok: false, problems: [each] });
  return new WorkloadRegistry({ store, clock, timers, onChange, onProblem });
}

/** What is applied from now on is taken in. */
function follow(resources: ResourceSource, keyring: IssuerKeyring, loop: SnapshotLoop): Cancel {
  keyring.watch(resources.resources());
  const unheard = resources.onChange(() => {
    keyring.watch(resources.resources());
    loop.touch();
  });
  return () => {
    unheard();
    keyring.stop();
  };
}

function keyringOf(options: AgentPlaneOptions, onChange: () => void): IssuerKeyring {
  const { issuerKeys: store, clock, timers, random, listener } = options;
  const { onFailure } = listener;
  return new IssuerKeyring({ ask: askHttp, store, clock, timers, random, onChange, onFailure });
}

/** What was known before the server started; the registry is stopped again where the keys cannot be read. */
async function restore(registry: WorkloadRegistry, keyring: IssuerKeyring): Promise<Result<void>> {
  const restored = await registry.start();
  if (!restored.ok) return restored;
  const keys = await keyring.start();
  if (!keys.ok) await registry.stop();
  return keys;
}

/** What needs parts that are made after the identities. */
interface Later {
  rotate: Http2Server["rotate"];
  touch: () => void;
  cutOff: (target: RevocationTarget) => void;
  reports: () => ReadonlyMap<WorkloadKey, MemberReport>;
  ttlMs: () => number;
}

function complete(
  later: Later,
  parts: Pick<AgentPlane, "identity" | "registry">,
  listener: Http2Server<ConnectionPeer>,
): void {
  later.rotate = (served) => listener.rotate(served);
  later.reports = () => reportsOf(parts.registry);
  later.cutOff = (target) => cutOff(target, parts, listener);
}

function reportsOf(registry: WorkloadRegistry): ReadonlyMap<WorkloadKey, MemberReport> {
  const live = registry.entries.filter(({ state }) => state === "live");
  return new Map(live.map(({ workload }) => [workload.key, workload]));
}

/** The endpoints go, and with the connections the streams of configuration; agents hear of it by the bundle. */
function cutOff(
  { spiffeId, instance }: RevocationTarget,
  { identity, registry }: Pick<AgentPlane, "identity" | "registry">,
  listener: Http2Server<ConnectionPeer>,
): void {
  const bundles = bundleSet([identity.authority.bundle]);
  registry.expel((each) => each.spiffeId.uri === spiffeId.uri && (instance ?? each.instance) === each.instance);
  listener.expel(({ svid }) => svid !== undefined && svidStanding(svid, bundles) === "distrusted");
}

function startIdentity(options: AgentPlaneOptions, later: Later): Promise<Result<IdentityPlane>> {
  const { authorityDirectory: directory, trustDomain, passphraseFile, listener } = options;
  const { files, clock, timers, random, tokens, svids } = options;
  return startIdentityPlane({
    directory,
    trustDomain,
    ...(passphraseFile === undefined ? {} : { passphraseFile }),
    files,
    clock,
    timers,
    random,
    tokens,
    svids,
    reports: () => later.reports(),
    svidTtlMs: () => later.ttlMs(),
    listener: {
      onIssued: listener.onIssued,
      onTokenAudit: listener.onTokenAudit,
      onFailure: listener.onFailure,
      onOwnIdentity: (served) => later.rotate(served),
      onBundle: () => later.touch(),
      onRotation: listener.onRotation,
      onRevoked: (target) => later.cutOff(target),
    },
  });
}

function listen(
  options: AgentPlaneOptions,
  parts: Pick<AgentPlane, "identity" | "registry" | "discovery">,
): Promise<Result<Http2Server<ConnectionPeer>>> {
  const { address, port, clock } = options;
  const peers = new WeakMap<object, ConnectionPeer>();
  const handler = connectNodeAdapter({
    contextValues: (request) => createContextValues().set(peerKey, peers.get(request)),
    routes: (router) => addServices(router, options, parts),
    readMaxBytes: MESSAGE_BYTES_MAX,
    acceptCompression: [],
  });
  return serveHttp2<ConnectionPeer>({
    address,
    port,
    identity: parts.identity.firstIdentity,
    admit: (connection) => admit(connection, parts.identity, clock.nowMs()),
    answer(request, response, peer) {
      peers.set(request, peer);
      handler(request, response);
    },
  });
}

function admit(connection: ConnectionFacts, { authority }: IdentityPlane, nowMs: number) {
  const peer = peerOfConnection({ ...connection, bundles: bundleSet([authority.bundle]), nowMs });
  if (!peer.ok) return peer;
  const lifetimeMs = peer.value.spiffeId === undefined ? ANONYMOUS_LIFETIME_MS : peer.value.notAfterMs - nowMs;
  return success({ peer: peer.value, lifetimeMs });
}

function addServices(
  router: ConnectRouter,
  { services, listener }: AgentPlaneOptions,
  { identity, registry, discovery }: Pick<AgentPlane, "identity" | "registry" | "discovery">,
): void {
  const { enrolment } = identity;
  router.service(Identity, identityService({ enrolment, peerOf, onFault: listener.onFailure }));
  router.service(Registry, registryService({ registry, callerOf, onLeft: (...who) => identity.ledger.left(...who) }));
  router.service(AggregatedDiscoveryService, {
    deltaAggregatedResources: (requests, context) => discovery.stream(requests, callerOf(context), context.signal),
  });
  services?.(router, callerOf);
}

function peerOf(context: HandlerContext): ConnectionPeer {
  const peer = context.values.get(peerKey);
  if (peer === undefined) throw new ConnectError("The connection is not known.", Code.Unauthenticated);
  return peer;
}

function callerOf(context: HandlerContext): SpiffeId {
  const { spiffeId } = peerOf(context);
  if (spiffeId === undefined) throw new ConnectError("A client certificate is needed.", Code.Unauthenticated);
  return spiffeId;
}
