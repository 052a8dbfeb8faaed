/** The app's side of a workload: explicit listeners, one a service that the workload calls. */
import { type Listener, listenPlain, type ServerCertificate, type StreamSocket, serveTls } from "#engine/sockets";
import type { Result, ServiceKey } from "#model";
import { success } from "#model";
import type { Closable, ProxyContext } from "../context.ts";
import { AcceptedConnection } from "../downstream/accepted-connection.ts";
import type { Destinations } from "./destinations.ts";
import { RoutedUpstream } from "./routed-upstream.ts";
import { Router } from "./router.ts";
import type { OutboundService } from "./service.ts";
import { TlsConnection } from "./tls-connection.ts";

export interface OutboundOptions {
  readonly service: ServiceKey;
  readonly listen: { readonly address: string; readonly port: number };
  /** Whether callers are outside the mesh, as at a gateway. */
  readonly isEdge: boolean;
  /** What callers are shown in TLS, the newest; without it they are heard in the clear. */
  readonly certificate?: () => ServerCertificate;
}

const NO_EVENTS = { onData: () => {}, onDrain: () => {}, onEnd: () => {}, onClose: () => {} };

export class Outbound {
  readonly #context: ProxyContext;
  readonly #options: OutboundOptions;
  readonly #connections = new Set<Closable>();
  readonly #router: Router;
  readonly #upstream: RoutedUpstream;
  #listener: Listener | undefined;

  constructor(context: ProxyContext, options: OutboundOptions, destinations: Destinations) {
    this.#context = context;
    this.#options = options;
    this.#router = new Router(context, options.service, destinations);
    this.#upstream = new RoutedUpstream(context, this.#router);
  }

  get service(): OutboundService {
    return this.#router.service;
  }

  get connections(): number {
    return this.#connections.size;
  }

  bind(): Result<Listener> {
    const bound = this.#listen();
    if (!bound.ok) return bound;
    this.#listener = bound.value;
    return success(bound.value);
  }

  #listen(): Result<Listener> {
    const { listen, certificate } = this.#options;
    const accept = (socket: StreamSocket) => this.#accept(socket);
    if (certificate === undefined) return listenPlain({ ...listen, accept });
    const { handshakeTimeoutMs, handshakesMax } = this.#context.limits;
    return serveTls({
      ...listen,
      certificate,
      protocols: ["h2", "http/1.1"],
      accept,
      handshakeTimeoutMs,
      handshakesMax,
    });
  }

  drain(): void {
    this.#listener?.stop();
    for (const connection of [...this.#connections]) connection.drain();
  }

  stop(): void {
    this.#listener?.stop();
    for (const connection of [...this.#connections]) connection.destroy();
  }

  #accept(socket: StreamSocket) {
    if (this.#connections.size >= this.#context.limits.downstreamConnectionsMax) {
      socket.destroy();
      return NO_EVENTS;
    }
    const { isEdge, certificate } = this.#options;
    const scheme = certificate === undefined ? "http" : "https";
    const edge = isEdge ? ({ address: socket.remoteAddress, scheme } as const) : undefined;
    const declared = this.#router.protocol;
    const onClosed = (closed: Closable): boolean => this.#connections.delete(closed);
    const options = { context: this.#context, upstream: this.#upstream, socket, edge, onClosed };
    if (this.#router.asksServerName) return this.#keep(new TlsConnection(options));
    // What comes from outside is HTTP unless it is said to be anything else: nobody there is given a tunnel on a guess.
    return this.#keep(new AcceptedConnection(options, isEdge && declared === "auto" ? "http" : declared));
  }

  #keep<C extends Closable & { start(): void }>(connection: C): C {
    this.#connections.add(connection);
    connection.start();
    return connection;
  }
}
