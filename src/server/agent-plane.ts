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
import { type HttpsServer, serveHttps } from "#engine/https-server";
import type { PrivateFiles } from "#engine/private-files";
import type { Random } from "#engine/random";
import type { Cancel, Clock, Timers } from "#engine/time";
import { bundleSet, type SpiffeId, svidStanding, type TlsIdentity, type TrustDomain } from "#identity";
import type { JoinTokenAudit, JoinTokenStore, NodeAudit } from "#identity/attestation";
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
import type { UpstreamSettings } from "./enrolment/upstream.ts";
import { FederatedBundles, type FederationDocuments } from "./federation/federation.ts";
import { BUNDLE_REFRESH_S, publishedBundle } from "./federation/published.ts";
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
  readonly onNodeAudit: (entry: NodeAudit) => void;
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
  /** Certifies issuing keys in place of a root of the domain's own. */
  readonly upstream?: UpstreamSettings;
  readonly tokens: JoinTokenStore;
  readonly documents: LedgerDocuments & FederationDocuments;
  /** URL of the OpenID Connect provider that publishes the keys of JWT-SVIDs; undefined puts none into them. */
  readonly issuer?: string;
  /** Where the bundle is published under the server's own SVID; undefined publishes it in the API only. */
  readonly bundleEndpoint?: { readonly address: string; readonly port: number };
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

interface Parts {
  readonly identity: IdentityPlane;
  readonly federation: FederatedBundles;
  readonly keyring: IssuerKeyring;
  readonly registry: WorkloadRegistry;
  readonly loop: SnapshotLoop;
  readonly discovery: DiscoveryServer;
}

/** Everything of the server that agents talk to: identities, the registry, discovery, on one listener. */
export class AgentPlane {
  readonly identity: IdentityPlane;
  readonly federation: FederatedBundles;
  readonly registry: WorkloadRegistry;
  readonly discovery: DiscoveryServer;
  readonly #loop: SnapshotLoop;
  readonly #listeners: Listeners;
  readonly #cancel: Cancel;

  /** Use `startAgentPlane`. */
  constructor(parts: Parts, inner: { readonly listeners: Listeners; readonly cancel: Cancel }) {
    this.identity = parts.identity;
    this.federation = parts.federation;
    this.registry = parts.registry;
    this.discovery = parts.discovery;
    this.#loop = parts.loop;
    this.#listeners = inner.listeners;
    this.#cancel = inner.cancel;
  }

  get port(): number {
    return this.#listeners.agents.port;
  }

  /** Of the bundle endpoint; undefined without one. */
  get bundlePort(): number | undefined {
    return this.#listeners.bundle?.port;
  }

  get snapshot() {
    return this.#loop.snapshot;
  }

  /** Streams first, so that no agent hears of the others' leaving; then the listeners, the registry and the authority. */
  async stop(): Promise<void> {
    this.#cancel();
    this.#loop.stop();
    this.discovery.stop();
    await this.#listeners.bundle?.stop();
    await this.#listeners.agents.stop(STOP_GRACE_MS);
    await this.federation.stop();
    await this.registry.stop();
    await this.identity.stop();
  }
}

/** Opens the authority and the registry and binds the listeners, in that order; what was started is stopped again on a failure. */
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
  const registry = registryOf(options, () => later.touch());
  const keyring = keyringOf(options, () => later.touch());
  const restored = await restore(registry, keyring);
  const parts = partsOf(options, { identity: identity.value, registry, keyring }, later);
  await parts.federation.start();
  parts.loop.refresh();
  later.touch = () => parts.loop.touch();
  later.ttlMs = () => parts.loop.snapshot.settings.svidTtlMs;
  const bound = restored.ok ? await bind(options, parts) : restored;
  if (!bound.ok) {
    await parts.federation.stop();
    await registry.stop();
    await identity.value.stop();
    return bound;
  }
  complete(later, parts, { listeners: bound.value, onFailure: options.listener.onFailure });
  return success(new AgentPlane(parts, { listeners: bound.value, cancel: follow(options.resources, parts) }));
}

function partsOf(
  options: AgentPlaneOptions,
  { identity, registry, keyring }: Pick<Parts, "identity" | "registry" | "keyring">,
  later: Later,
): Parts {
  const { trustDomain, timers, clock, documents, listener } = options;
  const { onRefusal, onFailure } = listener;
  const resources = (): readonly Resource[] => options.resources.resources();
  const { authority } = identity;
  const federation = new FederatedBundles({
    trustDomain,
    ownBundle: () => authority.bundle,
    resources,
    documents,
    clock,
    timers,
    onChange: () => later.touch(),
    onProblem: (each) => onFailure({ ok: false, problems: [each] }),
  });
  const inputs = () => ({
    resources: resources(),
    registrations: registry.workloads,
    bundles: [authority.bundle, ...federation.bundles],
    issuerKeys: keyring.keys,
  });
  const loop = new SnapshotLoop({ trustDomain, inputs, timers, publish: (next) => discovery.publish(next) });
  const discovery = new DiscoveryServer({ hash: sha256Hex, timers, snapshot: loop.snapshot, onRefusal });
  return { identity, federation, keyring, registry, loop, discovery };
}

interface Listeners {
  readonly agents: Http2Server<ConnectionPeer>;
  readonly bundle: HttpsServer | undefined;
}

async function bind(options: AgentPlaneOptions, parts: Parts): Promise<Result<Listeners>> {
  const agents = await listen(options, parts);
  if (!agents.ok || options.bundleEndpoint === undefined)
    return agents.ok ? success({ agents: agents.value, bundle: undefined }) : agents;
  const { authority, firstIdentity: identity } = parts.identity;
  const answer = () => publishedBundle(authority.bundle);
  const bundle = await serveHttps({ ...options.bundleEndpoint, identity, answer });
  if (bundle.ok) return success({ agents: agents.value, bundle: bundle.value });
  await agents.value.stop(0);
  return bundle;
}

function registryOf({ registry: store, clock, timers, listener }: AgentPlaneOptions, onChange: () => void) {
  const onProblem = (each: Problem): void => listener.onFailure({ ok: false, problems: [each] });
  return new WorkloadRegistry({ store, clock, timers, onChange, onProblem });
}

/** What is applied from now on is taken in. */
function follow(resources: ResourceSource, { keyring, federation, loop }: Parts): Cancel {
  keyring.watch(resources.resources());
  const unheard = resources.onChange(() => {
    keyring.watch(resources.resources());
    void federation.update();
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
  rotate: (served: TlsIdentity) => void;
  touch: () => void;
  cutOff: (target: RevocationTarget) => void;
  reports: () => ReadonlyMap<WorkloadKey, MemberReport>;
  ttlMs: () => number;
}

/** Whether other trust domains may follow the bundle. */
function isFederated({ bundleEndpoint, resources }: AgentPlaneOptions): boolean {
  return bundleEndpoint !== undefined || resources.resources().some(({ kind }) => kind === "Federation");
}

interface Completion {
  readonly listeners: Listeners;
  readonly onFailure: AgentPlaneListener["onFailure"];
}

function complete(later: Later, parts: Parts, { listeners, onFailure }: Completion): void {
  const { agents, bundle } = listeners;
  later.rotate = (served) => {
    agents.rotate(served);
    void bundle?.rotate(served).then((rotated) => (rotated.ok ? undefined : onFailure(rotated)));
  };
  later.reports = () => reportsOf(parts.registry);
  later.cutOff = (target) => cutOff(target, parts, agents);
}

function reportsOf(registry: WorkloadRegistry): ReadonlyMap<WorkloadKey, MemberReport> {
  const live = registry.entries.filter(({ state }) => state === "live");
  return new Map(live.map(({ workload }) => [workload.key, workload]));
}

/** The endpoints go, and with the connections the streams of configuration; agents hear of it by the bundle. */
function cutOff(
  { spiffeId, instance }: RevocationTarget,
  { identity, registry }: Pick<Parts, "identity" | "registry">,
  listener: Http2Server<ConnectionPeer>,
): void {
  const bundles = bundleSet([identity.authority.bundle]);
  registry.expel((each) => each.spiffeId.uri === spiffeId.uri && (instance ?? each.instance) === each.instance);
  listener.expel(({ svid }) => svid !== undefined && svidStanding(svid, bundles) === "distrusted");
}

function startIdentity(options: AgentPlaneOptions, later: Later): Promise<Result<IdentityPlane>> {
  const { authorityDirectory: directory, trustDomain, passphraseFile, upstream, listener } = options;
  const { files, clock, timers, random, tokens, documents: svids, issuer } = options;
  return startIdentityPlane({
    directory,
    trustDomain,
    ...(passphraseFile === undefined ? {} : { passphraseFile }),
    ...(upstream === undefined ? {} : { upstream }),
    files,
    clock,
    timers,
    random,
    tokens,
    attestations: () => options.resources.resources().filter((each) => each.kind === "NodeAttestation"),
    svids,
    ...(issuer === undefined ? {} : { issuer }),
    reports: () => later.reports(),
    // Whoever looks as often as he is asked to has looked twice by then.
    publishedMs: () => (isFederated(options) ? 2 * BUNDLE_REFRESH_S * 1000 : 0),
    svidTtlMs: () => later.ttlMs(),
    listener: {
      onIssued: listener.onIssued,
      onTokenAudit: listener.onTokenAudit,
      onNodeAudit: listener.onNodeAudit,
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
  parts: Omit<Parts, "federation" | "loop">,
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
  { identity, registry, discovery, keyring }: Omit<Parts, "federation" | "loop">,
): void {
  const { enrolment } = identity;
  router.service(Identity, identityService({ enrolment, peerOf, onFault: listener.onFailure }));
  router.service(
    Registry,
    registryService({
      registry,
      callerOf,
      onLeft: (...who) => identity.ledger.left(...who),
      onUnknownKey: (issuer) => keyring.lookSooner(issuer),
    }),
  );
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
