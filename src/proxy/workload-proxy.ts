/** One workload's data plane: its listeners, its connections to others, and their common life. */
import type { Random } from "#engine/random";
import type { Clock, Timers } from "#engine/time";
import { svidSerial, type TlsIdentity } from "#identity";
import { failure, type MtlsMode, type Result, type ServiceKey, success } from "#model";
import type { Recorder } from "#telemetry/record";
import { AdmittedLinks } from "./admitted-links.ts";
import type { ProxyContext } from "./context.ts";
import { Deadlines } from "./deadlines.ts";
import { Inbound, type InboundOptions } from "./inbound/inbound.ts";
import { DEFAULT_PROXY_LIMITS, type ProxyLimits } from "./limits.ts";
import { Destinations } from "./outbound/destinations.ts";
import { Outbound, type OutboundOptions } from "./outbound/outbound.ts";
import { Overload } from "./overload.ts";
import type { ProxyTables, ProxyWorkload } from "./tables.ts";
import { TraceIds } from "./trace-ids.ts";
import { TurnFlusher } from "./turn-flusher.ts";

export interface ProxyOptions {
  readonly workload: ProxyWorkload;
  /** Absent at a gateway, which nobody in the mesh calls. */
  readonly inbound?: InboundOptions;
  readonly outbound: readonly OutboundOptions[];
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly limits?: Partial<ProxyLimits>;
}

export interface BoundAddress {
  readonly address: string;
  readonly port: number;
}

export interface BoundAddresses {
  readonly inbound: BoundAddress | undefined;
  readonly outbound: ReadonlyMap<ServiceKey, BoundAddress>;
}

/** What a running proxy holds, for its admin endpoint and `heddle check`. */
export interface ProxyState {
  readonly revision: number;
  readonly isDraining: boolean;
  /** Expiry of the certificate that new connections are served, milliseconds since the epoch. */
  readonly servedSvidNotAfterMs: number;
  /** Serial of that certificate, lower-case hexadecimal; empty before the start. */
  readonly servedSvidSerial: string;
  /** Sequence of the bundle of the own trust domain by which peers are judged. */
  readonly bundleSequence: number;
  readonly peerConnections: number;
  /** Of callers in the clear. */
  readonly plaintextConnections: number;
  /** How callers prove who they are; undefined where nobody in the mesh calls. */
  readonly mtlsMode: MtlsMode | undefined;
  readonly services: readonly {
    readonly service: ServiceKey;
    readonly callerConnections: number;
    readonly endpoints: readonly {
      readonly instance: string;
      readonly address: string;
      readonly isConnected: boolean;
    }[];
  }[];
}

/** How often a drain looks whether all is idle. */
const DRAIN_LOOK_MS = 20;

export class WorkloadProxy {
  readonly #options: ProxyOptions;
  #context: ProxyContext | undefined;
  #inbound: Inbound | undefined;
  #destinations: Destinations | undefined;
  #outbounds: readonly Outbound[] = [];

  constructor(options: ProxyOptions) {
    this.#options = options;
  }

  /** Binds every listener before any serves; if one cannot be bound, none is. */
  start(identity: TlsIdentity, tables: ProxyTables): Result<BoundAddresses> {
    const context = contextOf(this.#options, identity, tables);
    this.#context = context;
    const called = this.#options.outbound.map(({ service }) => service);
    const destinations = new Destinations(context, called);
    this.#destinations = destinations;
    this.#outbounds = this.#options.outbound.map((each) => new Outbound(context, each, destinations));
    this.#inbound = this.#options.inbound === undefined ? undefined : new Inbound(context, this.#options.inbound);
    const bound = this.#bind();
    if (!bound.ok) {
      this.stop();
      return bound;
    }
    context.deadlines.start();
    context.expiries.start();
    return bound;
  }

  /** Puts newer tables in force: one assignment, connections for endpoints that are new, and an end to those that are trusted no more. */
  update(tables: ProxyTables): void {
    const context = this.#context;
    if (context === undefined) return;
    context.tables = tables;
    this.#inbound?.update();
    this.#destinations?.update();
    for (const { id } of context.links.review(tables.bundles))
      context.recorder.refuse({ reason: "untrusted-certificate", peerAddress: "", presented: id.uri, localPort: 0 });
  }

  /** Serves and dials with a newer certificate. Existing connections are replaced without a gap. */
  rotate(identity: TlsIdentity): void {
    if (this.#context === undefined) return;
    this.#context.identity = identity;
    this.#destinations?.renew();
  }

  /** Takes nothing new and lets what has begun finish, at most until the deadline. */
  async drain(deadlineMs: number): Promise<void> {
    const context = this.#context;
    if (context === undefined) return;
    context.isDraining = true;
    this.#inbound?.drain();
    for (const outbound of this.#outbounds) outbound.drain();
    const endMs = context.clock.nowMs() + deadlineMs;
    while (!this.#isIdle() && context.clock.nowMs() < endMs) await context.timers.sleep(DRAIN_LOOK_MS);
  }

  stop(): void {
    this.#inbound?.stop();
    for (const outbound of this.#outbounds) outbound.stop();
    this.#destinations?.stop();
    this.#context?.deadlines.stop();
    this.#context?.expiries.stop();
  }

  state(): ProxyState {
    const context = this.#context;
    return {
      revision: context?.tables.revision ?? 0,
      isDraining: context?.isDraining ?? false,
      servedSvidNotAfterMs: context?.identity.notAfterMs ?? 0,
      servedSvidSerial: context === undefined ? "" : svidSerial(context.identity),
      bundleSequence: context?.tables.bundles.get(context.identity.spiffeId.trustDomain)?.sequence ?? 0,
      peerConnections: this.#inbound?.links ?? 0,
      plaintextConnections: this.#inbound?.plaintextConnections ?? 0,
      mtlsMode: this.#inbound?.mtlsMode,
      services: this.#outbounds.map((outbound) => ({
        service: outbound.service.key,
        callerConnections: outbound.connections,
        endpoints: outbound.service.targets.map(({ instance, endpoint, peer }) => ({
          instance,
          address: `${endpoint.address}:${endpoint.port}`,
          isConnected: peer.isConnected,
        })),
      })),
    };
  }

  #isIdle(): boolean {
    return (this.#inbound?.isIdle ?? true) && this.#outbounds.every((outbound) => outbound.connections === 0);
  }

  #bind(): Result<BoundAddresses> {
    const outbound = new Map<ServiceKey, BoundAddress>();
    for (const each of this.#outbounds) {
      const bound = each.bind();
      if (!bound.ok) return failure(...bound.problems);
      outbound.set(each.service.key, bound.value);
    }
    const inbound = this.#inbound?.start();
    if (inbound?.ok === false) return inbound;
    return success({ inbound: inbound?.value, outbound });
  }
}

function contextOf(options: ProxyOptions, identity: TlsIdentity, tables: ProxyTables): ProxyContext {
  const limits = { ...DEFAULT_PROXY_LIMITS, ...options.limits };
  const overload = new Overload(limits.overloadLateMs);
  const monotonicMs = (): number => options.clock.nowUs() / 1000;
  const onLook = (lateMs: number): void => {
    overload.observe(lateMs);
    options.recorder.late(lateMs);
  };
  return {
    workload: options.workload,
    clock: options.clock,
    timers: options.timers,
    recorder: options.recorder,
    limits,
    overload,
    links: new AdmittedLinks(),
    flusher: new TurnFlusher(options.timers),
    deadlines: new Deadlines(monotonicMs, options.timers, onLook),
    expiries: new Deadlines(() => options.clock.nowMs(), options.timers),
    traceIds: new TraceIds(options.random),
    random: () => options.random.next(),
    tables,
    identity,
    isDraining: false,
  };
}
