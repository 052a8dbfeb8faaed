/** The app's side of a workload: explicit listeners, one a service that the workload calls. */
import { type Listener, listenPlain, type StreamSocket } from "#engine/sockets";
import type { Result, ServiceKey } from "#model";
import { success } from "#model";
import type { Closable, ProxyContext } from "../context.ts";
import { selfParty } from "../party.ts";
import { AcceptedConnection } from "./accepted-connection.ts";
import { OutboundService } from "./service.ts";

export interface OutboundOptions {
  readonly service: ServiceKey;
  readonly listen: { readonly address: string; readonly port: number };
  /** Whether callers are outside the mesh, as at a gateway. */
  readonly isEdge: boolean;
}

const NO_EVENTS = { onData: () => {}, onDrain: () => {}, onEnd: () => {}, onClose: () => {} };

export class Outbound {
  readonly #context: ProxyContext;
  readonly #options: OutboundOptions;
  readonly #connections = new Set<Closable>();
  readonly #service: OutboundService;
  #listener: Listener | undefined;

  constructor(context: ProxyContext, options: OutboundOptions) {
    this.#context = context;
    this.#options = options;
    this.#service = new OutboundService(context, options.service, selfParty(context));
  }

  get service(): OutboundService {
    return this.#service;
  }

  get connections(): number {
    return this.#connections.size;
  }

  bind(): Result<Listener> {
    const bound = listenPlain({ ...this.#options.listen, accept: (socket) => this.#accept(socket) });
    if (!bound.ok) return bound;
    this.#listener = bound.value;
    return success(bound.value);
  }

  update(): void {
    this.#service.update(this.#context.tables.outbound.get(this.#options.service));
  }

  renew(): void {
    for (const target of this.#service.targets) target.peer.renew();
  }

  drain(): void {
    this.#listener?.stop();
    for (const connection of [...this.#connections]) connection.drain();
  }

  stop(): void {
    this.#listener?.stop();
    for (const connection of [...this.#connections]) connection.destroy();
    for (const target of this.#service.targets) target.peer.destroy();
  }

  #accept(socket: StreamSocket) {
    if (this.#connections.size >= this.#context.limits.downstreamConnectionsMax) {
      socket.destroy();
      return NO_EVENTS;
    }
    const { isEdge } = this.#options;
    const declared = this.#service.protocol;
    const onClosed = (closed: Closable): boolean => this.#connections.delete(closed);
    const options = { context: this.#context, service: this.#service, socket, isEdge, onClosed };
    // What comes from outside is HTTP unless it is said to be anything else: nobody there is given a tunnel on a guess.
    const connection = new AcceptedConnection(options, isEdge && declared === "auto" ? "http" : declared);
    this.#connections.add(connection);
    connection.start();
    return connection;
  }
}
