/**
 * The connection to one endpoint: made when it is first needed, shared by all requests to it, replaced when this agent's certificate
 * rotates or before either certificate expires. The new one is ready before the old one takes no more. A few more are made when what
 * lasts, such as tunnels, fills one with as many streams as the peer allows.
 */
import { isSignedBy } from "#engine/crypto";
import { type CancelConnect, connectSecure, type StreamSocket, type TlsRefusal } from "#engine/sockets";
import type { Cancel } from "#engine/time";
import { type AdmittedSvid, admitX509Svid, authoritiesPem, parseCertificate, svidDnsName } from "#identity";
import type { Decision } from "#policy";
import type { CircuitBreaker } from "#routing";
import type { EndReason } from "#telemetry";
import type { ProxyContext } from "../context.ts";
import type { Expirable } from "../deadlines.ts";
import { Link } from "../link.ts";
import type { OutboundEndpoint } from "../tables.ts";
import { Heartbeat } from "./heartbeat.ts";

/** A request that waits for a connection. */
export interface LinkWaiter {
  /** Returns false when it could not open a stream there and still waits. */
  onLink(link: Link): boolean;
  onUnavailable(reason: EndReason): void;
}

/** What the service of the endpoint sets bounds to. */
export interface PeerBounds {
  /** Counts who waits, in all connections to the service together. */
  readonly circuit: CircuitBreaker;
  readonly connectTimeoutMs: () => number;
}

type State =
  | { readonly state: "idle" }
  /** `isMore`: beside those that there are; otherwise instead of them. */
  | { readonly state: "connecting"; readonly isMore: boolean; readonly cancel: CancelConnect; readonly timeout: Cancel }
  | { readonly state: "stopped" };

/** A connection is replaced when this share of its certificates' remaining life is left. */
const RETIRE_SHARE = 0.2;
const RETRY_MS = 1000;
/** Each carries as many streams as its peer allows, a thousand between agents. */
const LINKS_MAX = 8;

export class Peer implements Expirable {
  /** When the connection must be replaced: before either of its certificates expires. */
  deadlineMs = Number.POSITIVE_INFINITY;
  deadlineSlot = -1;
  readonly #context: ProxyContext;
  readonly #endpoint: OutboundEndpoint;
  readonly #bounds: PeerBounds;
  #state: State = { state: "idle" };
  #refusal: Decision | undefined;
  #ready: readonly Link[] = [];
  #lastUsedMs = 0;
  readonly #draining = new Set<Link>();
  #waiting: LinkWaiter[] = [];
  #expiresAtMs = Number.POSITIVE_INFINITY;

  constructor(context: ProxyContext, endpoint: OutboundEndpoint, bounds: PeerBounds) {
    this.#context = context;
    this.#endpoint = endpoint;
    this.#bounds = bounds;
  }

  get endpoint(): OutboundEndpoint {
    return this.#endpoint;
  }

  get isConnected(): boolean {
    return this.#ready.length > 0;
  }

  /** Gives the waiter a connection: at once if there is one with room, else when there is. */
  request(waiter: LinkWaiter): void {
    this.#lastUsedMs = this.#context.deadlines.nowMs;
    for (const link of this.#ready) {
      if (waiter.onLink(link)) return;
      // A connection that drains is replaced; one that has as many streams as its peer allows is waited for.
      if (link.session.state !== "open") this.#retire(link);
    }
    if (this.#state.state === "stopped") return waiter.onUnavailable("draining");
    if (!this.#bounds.circuit.tryAcquire("pendingRequests")) return waiter.onUnavailable("overflow");
    this.#waiting.push(waiter);
    const isFull = this.#ready.every(({ session }) => session.hasPeerSettings);
    if (isFull && this.#ready.length < LINKS_MAX) this.#connect(this.#ready.length > 0);
  }

  forget(waiter: LinkWaiter): void {
    const left = this.#waiting.filter((each) => each !== waiter);
    if (left.length < this.#waiting.length) this.#bounds.circuit.release("pendingRequests");
    this.#waiting = left;
  }

  /** A stream has ended: one that waited for room may begin. */
  released(): void {
    if (this.#waiting.length > 0) for (const link of this.#ready) this.#serve(link);
  }

  /** Replaces the connection by one with the newest certificate, without a gap; one that nobody uses just ends. */
  renew(): void {
    if (this.#ready.length === 0) return;
    const { deadlines, limits } = this.#context;
    const isUsed = deadlines.nowMs - this.#lastUsedMs < limits.idleTimeoutMs;
    if (isUsed || this.#ready.some(({ openStreams }) => openStreams > 0)) this.#connect(false);
    else this.#retireAll();
  }

  onDeadline(nowMs: number): void {
    // If no new connection can be made it is tried again soon; the old one takes no more once it has expired.
    this.deadlineMs = nowMs + RETRY_MS;
    if (nowMs >= this.#expiresAtMs) this.#retireAll();
    else this.renew();
  }

  /** Opens no more; streams that exist finish. any → stopped. */
  drain(): void {
    this.#abandonConnect();
    this.#state = { state: "stopped" };
    this.#retireAll();
    this.#refuseWaiting("draining");
  }

  /** The workload may not call here any more: what runs ends. */
  refuse(decision: Decision): void {
    this.#refusal = decision;
    this.destroy();
  }

  /** Why what ran here was ended, where a policy was why. */
  get refused(): Decision | undefined {
    return this.#refusal;
  }

  destroy(): void {
    this.drain();
    for (const link of [...this.#draining]) link.destroy();
  }

  /** idle → connecting. */
  #connect(isMore: boolean): void {
    if (this.#state.state !== "idle") return;
    const { timers, identity, tables } = this.#context;
    // No other domain's authority may vouch for who answers here.
    const bundle = tables.bundles.get(this.#endpoint.spiffeId.trustDomain);
    const timeout = timers.after(this.#bounds.connectTimeoutMs(), () => this.#failed("upstream-connect-failure"));
    const cancel = connectSecure({
      address: this.#endpoint.address,
      port: this.#endpoint.port,
      serverName: svidDnsName(this.#endpoint.spiffeId),
      material: { ...identity, authoritiesPem: authoritiesPem(bundle) },
      accept: (socket, leafDer) => this.#accept(socket, leafDer, identity.notAfterMs),
      onFailed: (reason, detail) => this.#refused(reason, detail),
    });
    this.#state = { state: "connecting", isMore, cancel, timeout };
  }

  /** The engine has verified the chain; who the peer is, is for us to say. */
  #accept(socket: StreamSocket, leafDer: Uint8Array, ownNotAfterMs: number): Link | undefined {
    const leaf = parseCertificate(leafDer);
    const nowMs = this.#context.clock.nowMs();
    const checks = { nowMs, bundles: this.#context.tables.bundles, isSignedBy };
    const svid = leaf.ok ? admitX509Svid(leaf.value, checks) : leaf;
    if (!svid.ok || svid.value.id.uri !== this.#endpoint.spiffeId.uri) {
      this.#refuseIdentity(svid.ok ? svid.value.id.uri : "", socket.localPort);
      return undefined;
    }
    const isMore = this.#state.state === "connecting" && this.#state.isMore && this.#ready.length > 0;
    const expiresAtMs = Math.min(ownNotAfterMs, svid.value.notAfterMs);
    this.#expiresAtMs = isMore ? Math.min(this.#expiresAtMs, expiresAtMs) : expiresAtMs;
    this.deadlineMs = nowMs + (this.#expiresAtMs - nowMs) * (1 - RETIRE_SHARE);
    return this.#succeeded(socket, svid.value, isMore);
  }

  #refuseIdentity(presented: string, localPort: number): void {
    const peerAddress = `${this.#endpoint.address}:${this.#endpoint.port}`;
    this.#context.recorder.refuse({ reason: "identity-mismatch", peerAddress, presented, localPort });
    this.#failed("identity-mismatch");
  }

  #refused(reason: TlsRefusal, detail: string): void {
    // A name mismatch is a peer of the mesh that is not the one the registry promised.
    const isOther = reason === "untrusted-certificate" && /ALTNAME|does not match/i.test(detail);
    if (isOther) this.#refuseIdentity("", 0);
    else this.#failed("upstream-connect-failure");
  }

  /** connecting → idle, with a connection. */
  #succeeded(socket: StreamSocket, svid: AdmittedSvid, isMore: boolean): Link {
    this.#abandonConnect();
    const link: Link = new Link(socket, {
      role: "client",
      to: "agent",
      context: this.#context,
      onStream: () => undefined,
      // It may take more streams than could be known before.
      onSettings: (settled) => this.#serve(settled),
      onDraining: (drained) => {
        if (this.#ready.includes(drained)) this.#retire(drained);
      },
      onClosed: (closed) => {
        heartbeat.stop();
        this.#context.links.delete(closed);
        this.#closed(closed);
      },
    });
    const heartbeat = new Heartbeat(this.#context, link);
    this.#context.links.add(link, svid);
    const previous = isMore ? [] : this.#ready;
    this.#ready = isMore ? [...this.#ready, link] : [link];
    this.#context.expiries.add(this);
    for (const each of previous) this.#drainLink(each);
    this.#serve(link);
    return link;
  }

  /** connecting → idle, without one. An older connection, if there is one, goes on. */
  #failed(reason: EndReason): void {
    this.#abandonConnect();
    if (this.#ready.length > 0) return;
    this.#refuseWaiting(reason);
  }

  #refuseWaiting(reason: EndReason): void {
    for (const waiter of this.#waiting.splice(0)) {
      this.#bounds.circuit.release("pendingRequests");
      waiter.onUnavailable(reason);
    }
  }

  #abandonConnect(): void {
    if (this.#state.state !== "connecting") return;
    this.#state.cancel();
    this.#state.timeout();
    this.#state = { state: "idle" };
  }

  #serve(link: Link): void {
    while (this.#waiting.length > 0) {
      const next = this.#waiting[0] as LinkWaiter;
      if (!next.onLink(link)) return;
      // Serving one may have put another at the front.
      this.forget(next);
    }
  }

  #retire(link: Link): void {
    this.#forget(link);
    this.#drainLink(link);
    this.#connectForWaiting();
  }

  #retireAll(): void {
    for (const link of this.#ready) this.#retire(link);
  }

  #forget(link: Link): void {
    this.#ready = this.#ready.filter((each) => each !== link);
    if (this.#ready.length === 0) this.#context.expiries.remove(this);
  }

  #drainLink(link: Link): void {
    if (link.isClosed) return;
    this.#draining.add(link);
    link.drain();
  }

  #closed(link: Link): void {
    this.#draining.delete(link);
    this.#forget(link);
    this.#connectForWaiting();
  }

  #connectForWaiting(): void {
    if (this.#ready.length === 0 && this.#waiting.length > 0) this.#connect(false);
  }
}
