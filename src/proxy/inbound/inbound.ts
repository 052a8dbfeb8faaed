/** The mesh side of a workload: accepts other agents by certificate, callers in the clear where that is allowed, and hands their requests to the app. */
import {
  type Admission,
  type Listener,
  listenSecure,
  type RefusedPeer,
  type SecureListener,
  type StreamSocket,
  type TlsMaterial,
} from "#engine/sockets";
import { type AdmittedSvid, authoritiesPem, type CertificateFacts, parseCertificate } from "#identity";
import type { MtlsMode, Result } from "#model";
import type { CompiledPolicy } from "#policy";
import type { RefusalReason } from "#telemetry";
import type { ProxyContext } from "../context.ts";
import { Link } from "../link.ts";
import { StreamOutput } from "../stream-output.ts";
import { App, type AppOptions } from "./app/app.ts";
import { InboundExchange } from "./exchange.ts";
import { ExternalChecks } from "./external-checks.ts";
import { type InboundSide, identifyPeer, inboundPeer } from "./peer.ts";
import { PlaintextCallers } from "./plaintext-callers.ts";
import { RateLimits } from "./rate-limits.ts";

export interface InboundOptions {
  readonly listen: { readonly address: string; readonly port: number };
  readonly app: AppOptions;
}

const ADMISSIONS: Readonly<Record<MtlsMode, Admission>> = {
  STRICT: "tls",
  PERMISSIVE: "tls-or-plaintext",
  DISABLE: "plaintext",
};

export class Inbound {
  readonly #context: ProxyContext;
  readonly #options: InboundOptions;
  readonly #app: App;
  readonly #limits: RateLimits;
  readonly #side: InboundSide;
  readonly #links = new Set<Link>();
  readonly #plaintext: PlaintextCallers;
  #listener: SecureListener | undefined;
  #mode: MtlsMode = "STRICT";
  #policy: CompiledPolicy | undefined;

  constructor(context: ProxyContext, options: InboundOptions) {
    this.#context = context;
    this.#options = options;
    this.#app = new App(context, options.app);
    this.#limits = new RateLimits(context.limits.limitedCallersMax);
    const checks = new ExternalChecks(context.limits.checksMax);
    this.#side = { app: this.#app, limits: this.#limits, checks, address: options.listen.address };
    this.#plaintext = new PlaintextCallers(context, this.#side);
    this.update();
  }

  get links(): number {
    return this.#links.size;
  }

  /** Connections in the clear. */
  get plaintextConnections(): number {
    return this.#plaintext.size;
  }

  /** What is in force. */
  get mtlsMode(): MtlsMode {
    return this.#mode;
  }

  get isIdle(): boolean {
    for (const link of this.#links) if (!link.isIdle) return false;
    return this.#plaintext.size === 0;
  }

  start(): Result<Listener> {
    const bound = listenSecure({
      ...this.#options.listen,
      material: () => inboundMaterial(this.#context),
      handshakeTimeoutMs: this.#context.limits.handshakeTimeoutMs,
      handshakesMax: this.#context.limits.handshakesMax,
      accept: (socket, leafDer) => this.#accept(socket, leafDer),
      acceptPlaintext: (socket) => this.#plaintext.accept(socket),
      onRefused: (peer) => this.#refused(peer),
    });
    if (!bound.ok) return bound;
    this.#listener = bound.value;
    this.#setMode();
    return bound;
  }

  /** Newer tables are in force. */
  update(): void {
    const { tables, clock } = this.#context;
    this.#limits.update(tables.limits, clock.nowUs() / 1000);
    this.#setMode();
    this.#review(tables.inbound);
  }

  /** What is under way was let in by the policies that were in force when it began. */
  #review(policy: CompiledPolicy): void {
    if (policy === this.#policy) return;
    this.#policy = policy;
    this.#context.deadlines.visit((each) => {
      if (each instanceof InboundExchange) each.review();
    });
  }

  /** Accepts no more; what was asked is answered. */
  drain(): void {
    this.#listener?.stop();
    for (const link of [...this.#links]) link.drain();
    this.#plaintext.drain();
  }

  /** For connections that come from now on; those in the clear do not outlive what let them in. */
  #setMode(): void {
    const mode = this.#context.tables.mtls ?? "STRICT";
    if (this.#listener === undefined || mode === this.#mode) return;
    if (!this.#listener.admit(ADMISSIONS[mode])) {
      const detail = `PeerAuthentication ${mode} is not followed: this system cannot tell TLS from plaintext. ${this.#mode} holds.`;
      return this.#context.recorder.event({ kind: "config-rejected", detail });
    }
    this.#mode = mode;
    if (mode !== "STRICT") return;
    for (const address of this.#plaintext.end()) this.#refuse("plaintext", address, "");
  }

  stop(): void {
    this.#listener?.stop();
    for (const link of [...this.#links]) link.destroy();
    this.#plaintext.end();
    this.#app.stop();
  }

  #accept(socket: StreamSocket, leafDer: Uint8Array): Link | undefined {
    const id = identifyPeer(this.#context, leafDer);
    if (!id.ok) {
      this.#refuse("untrusted-certificate", socket.remoteAddress, nameOf(leafDer));
      return undefined;
    }
    if (this.#links.size >= this.#context.limits.peerConnectionsMax) return undefined;
    return this.#open(socket, id.value);
  }

  #open(socket: StreamSocket, svid: AdmittedSvid): Link {
    const { id, notAfterMs } = svid;
    const peer = inboundPeer(this.#context, this.#side, { kind: "agent", id, address: socket.remoteAddress });
    const link = new Link(socket, {
      role: "server",
      to: "agent",
      context: this.#context,
      onStream: (on, stream) => {
        const exchange = new InboundExchange(peer, new StreamOutput(on, stream, () => exchange.onDrained()));
        return exchange;
      },
      onDraining: () => undefined,
      onClosed: (closed) => {
        this.#links.delete(closed);
        this.#context.links.delete(closed);
        this.#context.expiries.remove(expiry);
        peer.close();
      },
    });
    let looks = 0;
    const expiry = {
      deadlineMs: notAfterMs,
      deadlineSlot: -1,
      // What was begun under a valid certificate may finish; nothing new begins, whether the peer has heard of it or not. One that has
      // nothing under way, and has not left when it was told twice, is cut off: its place is somebody else's.
      onDeadline: (nowMs: number) => {
        expiry.deadlineMs = nowMs + this.#context.limits.handshakeTimeoutMs;
        looks++;
        if (looks > 2 && link.openStreams === 0) link.destroy();
        else link.drain();
      },
    };
    this.#context.expiries.add(expiry);
    this.#links.add(link);
    this.#context.links.add(link, svid);
    return link;
  }

  #refused(peer: RefusedPeer): void {
    // A connection that broke is no attempt at anything.
    if (peer.reason === "failed") return;
    this.#refuse(peer.reason, peer.remoteAddress, peer.leafDer === undefined ? "" : nameOf(peer.leafDer));
  }

  #refuse(reason: RefusalReason, peerAddress: string, presented: string): void {
    this.#context.recorder.refuse({ reason, peerAddress, presented, localPort: this.#listener?.port ?? 0 });
  }
}

/** The newest certificate, and every authority that may vouch for a caller: that it vouched for its own domain is seen after. */
function inboundMaterial({ identity, tables }: ProxyContext): TlsMaterial {
  return { ...identity, authoritiesPem: [...tables.bundles.values()].flatMap(authoritiesPem) };
}

/** Who a certificate claims to be, whether or not it is true; bounded, since a stranger wrote it. */
function nameOf(leafDer: Uint8Array): string {
  const leaf: Result<CertificateFacts> = parseCertificate(leafDer);
  return leaf.ok ? (leaf.value.uriSans[0] ?? "").slice(0, 256) : "";
}
