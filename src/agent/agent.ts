/**
 * One workload's agent: its identity, its configuration, its data plane, and what it tells the server of all three.
 *
 * Started in the order in which each needs the one before: certificate, configuration, listeners; then the workload is announced. When
 * the server goes away, all of it goes on with what it has.
 */
import { sha256Hex } from "#engine/crypto";
import { type HttpServer, serveHttp } from "#engine/http-server";
import type { PrivateFiles } from "#engine/private-files";
import type { Random } from "#engine/random";
import type { Clock, Timers } from "#engine/time";
import { type Bundle, bundleSet, isIssuerRetired, ownBundle, type TlsIdentity } from "#identity";
import { formatProblem, type Result, success } from "#model";
import { type AppOptions, type ProxyState, WorkloadProxy } from "#proxy";
import type { TelemetryBatch } from "#telemetry";
import { Recorder } from "#telemetry/record";
import type { AgentConfig } from "#xds";
import { XdsClient } from "#xds/client";
import { adminAnswer } from "./admin.ts";
import { AppProbe, probeOf } from "./app-probe.ts";
import type { AgentBootstrap } from "./bootstrap.ts";
import { EndLog } from "./end-log.ts";
import { grpcIdentityService } from "./identity/grpc-identity-service.ts";
import { IdentityKeeper } from "./identity/identity-keeper.ts";
import { lastGoodFile } from "./last-good-file.ts";
import { Lease } from "./lease.ts";
import { nodeProof } from "./node-attestation/node-proof.ts";
import { PolicyClock } from "./policy-clock.ts";
import { Readiness } from "./readiness.ts";
import { type RegistryClient, registryClient } from "./registry-client.ts";
import { Reporter } from "./reporter.ts";
import { ServerChannel } from "./server-channel.ts";
import { TableCompiler } from "./tables.ts";
import { telemetryClient } from "./telemetry-client.ts";
import type { TlsFiles } from "./tls-files.ts";
import { tokenMinter } from "./token-minter.ts";
import { UnknownKeys } from "./unknown-keys.ts";
import { WorkloadApi } from "./workload-api/workload-api.ts";

export interface AgentOptions {
  readonly bootstrap: AgentBootstrap;
  /** The newest join token that was offered, or undefined. */
  readonly joinToken: () => Promise<string | undefined>;
  readonly version: string;
  readonly tls: TlsFiles;
  readonly files: PrivateFiles;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** One line for people; never holds a secret. */
  readonly log: (line: string) => void;
}

/** What has begun may take this long to finish when the agent is told to stop. */
const DRAIN_MS = 5000;

export class Agent {
  readonly #options: AgentOptions;
  readonly #readiness: Readiness;
  readonly #recorder: Recorder;
  readonly #keeper: IdentityKeeper;
  readonly #channel: ServerChannel;
  readonly #registry: RegistryClient;
  readonly #xds: XdsClient;
  readonly #proxy: WorkloadProxy;
  readonly #lease: Lease;
  readonly #policyClock: PolicyClock;
  readonly #probe: AppProbe | undefined;
  readonly #workloadApi: WorkloadApi | undefined;
  readonly #reporter: Reporter<TelemetryBatch>;
  readonly #endLog: EndLog;
  #admin: HttpServer | undefined;
  readonly #tables: TableCompiler;
  #isProxyStarted = false;
  /** Called once, with the first configuration. */
  #onFirstConfig: ((outcome: Result<void>) => void) | undefined;

  /** Makes the parts; nothing runs before `start`. */
  constructor(options: AgentOptions) {
    const { bootstrap, clock, timers, random, files, log } = options;
    const { instance, stateDirectory } = bootstrap;
    this.#options = options;
    this.#readiness = new Readiness(["certificate", "configuration", "listeners"]);
    this.#recorder = new Recorder({ instance, clock });
    this.#keeper = new IdentityKeeper({
      workload: bootstrap,
      service: grpcIdentityService({ server: bootstrap.server, clock }),
      joinToken: options.joinToken,
      ...(bootstrap.attestation === undefined ? {} : { node: nodeProof(bootstrap.attestation, files) }),
      ...(bootstrap.keepKey ? { keep: { directory: stateDirectory, files } } : {}),
      clock,
      timers,
      random,
      log,
    });
    this.#channel = new ServerChannel({ server: bootstrap.server, identity: () => this.#keeper.identity, clock });
    this.#registry = registryClient(this.#channel.transport);
    // The server looks by itself, too: what it is not told now, it finds later.
    const unknownKeys = new UnknownKeys({ tell: (issuer) => void this.#registry.reportUnknownKey(issuer), clock });
    this.#tables = new TableCompiler((issuer) => unknownKeys.met(issuer));
    this.#xds = new XdsClient({
      transport: this.#channel.transport,
      node: { instance, labels: bootstrap.labels, appPort: bootstrap.app?.port },
      services: bootstrap.outbound.map((each) => each.service),
      store: lastGoodFile(`${stateDirectory}/last-good`, files),
      hash: sha256Hex,
      onConfig: (config) => this.#apply(config),
      timers,
      random,
      log,
    });
    this.#proxy = this.#makeProxy();
    this.#policyClock = new PolicyClock({ clock, timers, onChange: () => this.#recompile() });
    this.#lease = this.#makeLease();
    this.#probe = this.#makeProbe();
    this.#workloadApi = this.#makeWorkloadApi();
    this.#endLog = new EndLog({ log });
    const session = Buffer.from(random.bytes(8)).toString("hex");
    this.#reporter = new Reporter({
      take: () => this.#takeBatch(),
      send: telemetryClient(this.#channel.transport, { instance, session }),
      timers,
    });
  }

  /** Starts everything and returns once requests are served. What was started is stopped again on a failure. */
  async start(): Promise<Result<void>> {
    const admin = this.#startAdmin();
    if (!admin.ok) return admin;
    this.#admin = admin.value;
    const served = await this.#startServing();
    if (!served.ok) {
      await this.stop();
      return served;
    }
    this.#probe?.start();
    for (const certificate of this.#options.tls.certificates.values()) certificate.start();
    this.#lease.refresh();
    this.#reporter.start();
    this.#options.log(`serving ${this.#keeper.identity?.spiffeId.uri ?? ""} at revision ${this.#xds.state.revision}`);
    return success(undefined);
  }

  /** Withdraws the workload, finishes what has begun, and ends every part in the reverse order. */
  async stop(): Promise<void> {
    await this.#workloadApi?.stop();
    this.#probe?.stop();
    for (const certificate of this.#options.tls.certificates.values()) certificate.stop();
    await this.#lease.stop();
    await this.#proxy.drain(DRAIN_MS);
    this.#proxy.stop();
    await this.#xds.stop();
    this.#tables.stop();
    // After what sets it: a configuration that comes during the drain is followed too.
    this.#policyClock.stop();
    await this.#reporter.stop();
    this.#endLog.flush(this.#options.clock.nowMs());
    await this.#keeper.stop();
    this.#channel.stop();
    await this.#admin?.stop();
  }

  async #startServing(): Promise<Result<void>> {
    const identity = await this.#keeper.start();
    if (!identity.ok) return identity;
    this.#readiness.complete("certificate");
    this.#keeper.onRotated((rotated) => this.#rotate(rotated));
    const offered = await this.#workloadApi?.start();
    if (offered?.ok === false) return offered;
    const configured = new Promise<Result<void>>((resolve) => {
      this.#onFirstConfig = resolve;
    });
    await this.#xds.start();
    return configured;
  }

  /** The first configuration opens the listeners; later ones replace the tables. */
  #apply(config: AgentConfig): Result<void> {
    const { identity } = this.#keeper;
    // The configuration is asked for only after enrolment.
    if (identity === undefined) return success(undefined);
    const tables = this.#tables.compile(config, identity, this.#options.clock.nowMs());
    this.#policyClock.watch([...config.policies, ...config.egress]);
    if (this.#isProxyStarted) {
      this.#proxy.update(tables);
      this.#followAuthority(config, identity);
      this.#workloadApi?.changed();
      this.#recorder.event({ kind: "config-applied", detail: String(config.revision) });
      this.#lease.refresh();
      return success(undefined);
    }
    this.#readiness.complete("configuration");
    const bound = this.#proxy.start(identity, tables);
    this.#isProxyStarted = bound.ok;
    if (bound.ok) this.#readiness.complete("listeners");
    const outcome = bound.ok ? success(undefined) : bound;
    this.#onFirstConfig?.(outcome);
    return outcome;
  }

  #rotate(identity: TlsIdentity): void {
    this.#proxy.rotate(identity);
    // A newer certificate may come with newer authorities.
    this.#recompile(identity);
    this.#channel.rotate();
    this.#workloadApi?.changed();
    this.#recorder.event({ kind: "svid-rotated", detail: new Date(identity.notAfterMs).toISOString() });
    this.#lease.refresh();
  }

  /** A newer key signs now: this agent's SVID is replaced, so that the older key can go. */
  #followAuthority({ bundles }: AgentConfig, identity: TlsIdentity): void {
    const own = bundles.find(({ trustDomain }) => trustDomain === identity.spiffeId.trustDomain);
    if (own !== undefined && isIssuerRetired(identity, own)) this.#keeper.hurry();
  }

  /** The same configuration, at another time or under another certificate. */
  #recompile(identity = this.#keeper.identity): void {
    const { config } = this.#xds;
    if (config === undefined || identity === undefined || !this.#isProxyStarted) return;
    this.#proxy.update(this.#tables.compile(config, identity, this.#options.clock.nowMs()));
  }

  #takeBatch(): TelemetryBatch | undefined {
    const nowMs = this.#options.clock.nowMs();
    const batch = this.#recorder.takeBatch(nowMs);
    this.#endLog.observe(batch, nowMs);
    return batch;
  }

  #startAdmin(): Result<HttpServer> {
    const { address, port } = this.#options.bootstrap.admin;
    const answer = adminAnswer({
      missing: () => this.#readiness.missing,
      metrics: () => this.#recorder.prometheus(),
      state: () => this.#state(),
    });
    return serveHttp(address, port, answer);
  }

  #state(): object {
    const { bootstrap, version } = this.#options;
    return {
      version,
      instance: bootstrap.instance,
      namespace: bootstrap.namespace,
      spiffeId: this.#keeper.identity?.spiffeId.uri ?? "",
      missing: this.#readiness.missing,
      appReady: this.#probe?.isReady ?? true,
      identity: this.#keeper.state,
      configuration: this.#xds.state,
      telemetry: { queued: this.#reporter.queued, dropped: this.#reporter.dropped },
      proxy: this.#proxy.state(),
    };
  }

  #makeProxy(): WorkloadProxy {
    const { bootstrap, tls, clock, timers, random } = this.#options;
    const { app, mesh } = bootstrap;
    return new WorkloadProxy({
      workload: bootstrap,
      ...(app === undefined ? {} : { inbound: { listen: mesh, app: appOf(app, tls) } }),
      outbound: bootstrap.outbound.map(({ service, address, port }) => {
        const certificate = tls.certificates.get(service);
        return {
          service,
          listen: { address, port },
          isEdge: bootstrap.mode === "gateway",
          ...(certificate === undefined ? {} : { certificate: () => certificate.current }),
        };
      }),
      recorder: this.#recorder,
      clock,
      timers,
      random,
    });
  }

  #makeWorkloadApi(): WorkloadApi | undefined {
    const { bootstrap, clock } = this.#options;
    if (bootstrap.workloadApi === undefined) return undefined;
    return new WorkloadApi({
      ...bootstrap.workloadApi,
      identity: () => this.#keeper.identity,
      bundles: () => bundleSet([...this.#ownBundles(), ...(this.#xds.config?.bundles ?? [])]),
      mint: tokenMinter(this.#channel.transport),
      nowMs: () => clock.nowMs(),
    });
  }

  #ownBundles(): readonly Bundle[] {
    const { identity } = this.#keeper;
    return identity === undefined ? [] : [ownBundle(identity)];
  }

  #makeLease(): Lease {
    const { bootstrap, timers, random, log, version } = this.#options;
    const reachedAt = bootstrap.advertise ?? bootstrap.mesh;
    return new Lease({
      announce: () =>
        this.#registry.announce({
          instance: bootstrap.instance,
          address: reachedAt.address,
          meshPort: reachedAt.port,
          appPort: bootstrap.app?.port ?? 0,
          labels: bootstrap.labels,
          ready: this.#probe?.isReady ?? true,
          revision: this.#xds.state.revision,
          ...servedOf(this.#proxy.state()),
          agentVersion: version,
          mode: bootstrap.mode,
        }),
      withdraw: () => this.#registry.withdraw(bootstrap.instance),
      timers,
      random,
      onProblem: (each) => log(each === undefined ? "announced again" : formatProblem(each)),
    });
  }

  #makeProbe(): AppProbe | undefined {
    const { bootstrap, timers, log } = this.#options;
    const { app } = bootstrap;
    if (app === undefined) return undefined;
    const { address, port } = app;
    return new AppProbe({
      probe: probeOf(app),
      timers,
      onChange: (isReady) => {
        log(isReady ? `the app answers on ${address}:${port}` : `the app on ${address}:${port} does not answer`);
        this.#recorder.event({ kind: isReady ? "app-ready" : "app-unready", detail: `${address}:${port}` });
        this.#lease.refresh();
      },
    });
  }
}

/** What the server must know to rotate its keys: by what this agent is known, and by what it knows others. */
function servedOf({ servedSvidNotAfterMs, servedSvidSerial, bundleSequence }: ProxyState) {
  return { servedSvidNotAfterMs, servedSvidSerial, bundleSequence };
}

/** Where the app is reached, and how one that speaks TLS is known. */
function appOf(app: NonNullable<AgentBootstrap["app"]>, { appAuthoritiesPem }: TlsFiles): AppOptions {
  const { address, port, protocol, tls } = app;
  if (tls === undefined || appAuthoritiesPem === undefined) return { address, port, protocol };
  return { address, port, protocol, tls: { authoritiesPem: appAuthoritiesPem, serverName: tls.hostname } };
}
