/** Callers that come without TLS, where PeerAuthentication lets them: whatever they speak, and nobody has said who they are. */
import type { SocketEvents, StreamSocket } from "#engine/sockets";
import { RECORDER_LIMITS } from "#telemetry/record";
import type { Closable, ProxyContext } from "../context.ts";
import { AcceptedConnection } from "../downstream/accepted-connection.ts";
import type { Downstream } from "../downstream/downstream.ts";
import type { Exchange, Guesses, Upstream } from "../downstream/upstream.ts";
import type { AskedRequest } from "../fields.ts";
import { CallerNames } from "./caller-names.ts";
import { type InboundPeer, type InboundSide, inboundPeer } from "./peer.ts";
import { PlaintextExchange } from "./plaintext-exchange.ts";

export class PlaintextCallers {
  readonly #context: ProxyContext;
  readonly #side: InboundSide;
  readonly #names: CallerNames;
  readonly #guesses: Guesses = { count: 0 };
  /** With the address of each. */
  readonly #open = new Map<Closable, string>();

  constructor(context: ProxyContext, side: InboundSide) {
    this.#context = context;
    this.#side = side;
    this.#names = new CallerNames(context.limits.plaintextCallersMax, RECORDER_LIMITS.expiryMs);
  }

  get size(): number {
    return this.#open.size;
  }

  /** Undefined when there is no room for it. */
  accept(socket: StreamSocket): SocketEvents | undefined {
    if (this.#open.size >= this.#context.limits.plaintextConnectionsMax) return undefined;
    const address = socket.remoteAddress;
    const name = this.#names.take(address, this.#context.clock.nowMs());
    const peer = inboundPeer(this.#context, this.#side, { kind: "plaintext", address, name });
    const onClosed = (closed: Closable): void => {
      this.#open.delete(closed);
      peer.close();
    };
    const upstream = new AppUpstream(peer, this.#guesses);
    const options = { context: this.#context, upstream, socket, edge: undefined, onClosed };
    const connection = new AcceptedConnection(options, this.#side.app.options.protocol);
    this.#open.set(connection, address);
    connection.start();
    return connection;
  }

  /** Ends all that are open, whatever runs on them. Returns their addresses. */
  end(): readonly string[] {
    const ended = [...this.#open];
    for (const [connection] of ended) connection.destroy();
    return ended.map(([, address]) => address);
  }

  drain(): void {
    for (const connection of [...this.#open.keys()]) connection.drain();
  }
}

/** The app behind the agent, for one caller. */
class AppUpstream implements Upstream {
  readonly authority: string;
  readonly refusalEdge: number;
  readonly guesses: Guesses;
  readonly #peer: InboundPeer;

  constructor(peer: InboundPeer, guesses: Guesses) {
    const { address, port } = peer.app.options;
    this.#peer = peer;
    this.authority = `${address}:${port}`;
    this.refusalEdge = peer.edge;
    this.guesses = guesses;
  }

  exchange(downstream: Downstream, request: AskedRequest): Exchange {
    return new PlaintextExchange(this.#peer, { downstream, request });
  }
}
