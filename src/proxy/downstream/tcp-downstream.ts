/** One connection of an app whose bytes are passed as they are, through a `CONNECT` stream (RFC 9113 §8.5). */
import type { SocketEvents, StreamSocket } from "#engine/sockets";
import type { Closable } from "../context.ts";
import type { AskedRequest } from "../fields.ts";
import { GatheredOutput } from "../gathered-output.ts";
import { LastBytes } from "../last-bytes.ts";
import type { Answer, Downstream } from "./downstream.ts";
import type { DownstreamOptions } from "./http1-downstream.ts";
import type { Exchange } from "./upstream.ts";

/** Who opened a tunnel before the app had said a word. */
export interface Guess {
  /** The other side spoke first: it was right. Called once. */
  onAnswered(): void;
  /** The tunnel was refused before the app had said a word; it is as if it had not been. */
  onRefused(): void;
}

export interface TunnelOptions extends DownstreamOptions {
  /** Of the app's own TLS, as far as it has been read; "" when it has none. */
  readonly serverName?: string;
}

export class TcpDownstream implements SocketEvents, Downstream, Closable {
  readonly isHttp2 = false;
  readonly edge = undefined;
  readonly #options: TunnelOptions;
  readonly #socket: StreamSocket;
  readonly #output: GatheredOutput;
  readonly #exchange: Exchange;
  readonly #lastBytes: LastBytes;
  #state: "open" | "refused" | "finished" | "closed" = "open";
  #hasAnswered = false;
  /** Whether the app has sent anything. */
  #hasAsked = false;
  readonly #guess: Guess | undefined;

  /** With a `guess` it is not known yet whether the app wants bytes at all. */
  constructor(options: TunnelOptions, guess?: Guess) {
    const { context, upstream, socket } = options;
    this.#guess = guess;
    this.#options = options;
    this.#socket = socket;
    this.#lastBytes = new LastBytes(context, () => this.destroy());
    this.#output = new GatheredOutput(socket, context.flusher, () => this.#exchange.onDrained());
    this.#exchange = upstream.exchange(this, tunnelTo(options.serverName ?? upstream.authority));
  }

  start(): void {
    this.#exchange.start();
  }

  /** Whether the other side has spoken. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** Ends the tunnel as if it had not been, and leaves the socket to another. */
  withdraw(): void {
    this.#state = "closed";
    this.#exchange.withdraw();
  }

  get isFull(): boolean {
    return this.#output.pending > this.#options.context.limits.outputBytesHigh;
  }

  // From the app.

  onData(bytes: Buffer): void {
    this.#hasAsked = true;
    if (!this.#exchange.sendBody(bytes)) this.#socket.pause();
  }

  onDrain(): void {
    this.#lastBytes.moved();
    this.#output.drained();
  }

  onEnd(): void {
    this.#exchange.endBody([]);
  }

  onClose(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#lastBytes.stop();
    this.#exchange.abandon();
    this.#options.onClosed(this);
  }

  // From the exchange.

  interim(): void {}

  /** Bytes have no place for a reason: a refusal is a connection that is cut. */
  head({ isSwitch }: Answer): void {
    if (isSwitch) return;
    if (this.#guess === undefined || this.#hasAsked) {
      this.#state = "refused";
      return;
    }
    this.withdraw();
    this.#guess.onRefused();
  }

  body(data: Uint8Array): void {
    if (this.#state !== "open") return;
    if (!this.#hasAnswered) this.#guess?.onAnswered();
    this.#hasAnswered = true;
    this.#output.bytes(data);
  }

  end(): void {
    if (this.#state === "open") this.#output.end();
  }

  abort(): void {
    this.destroy();
  }

  resumeBody(): void {
    this.#socket.resume();
  }

  finished(): void {
    if (this.#state === "refused") this.destroy();
    else if (this.#state === "open") {
      this.#state = "finished";
      this.#lastBytes.start();
    }
  }

  // From the proxy.

  /** A tunnel has no end that could be asked for: it lasts until the drain does. */
  drain(): void {}

  destroy(): void {
    this.#socket.destroy();
    this.onClose();
  }
}

function tunnelTo(authority: string): AskedRequest {
  return { method: "CONNECT", target: "", authority, fields: [], hasBody: true, upgrade: "" };
}
