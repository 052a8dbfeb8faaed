/** One connection of an app whose bytes are passed as they are, through a `CONNECT` stream (RFC 9113 §8.5). */
import type { SocketEvents, StreamSocket } from "#engine/sockets";
import type { Closable } from "../context.ts";
import type { AskedRequest } from "../fields.ts";
import { GatheredOutput } from "../gathered-output.ts";
import type { Answer, Downstream } from "./downstream.ts";
import { OutboundExchange } from "./exchange.ts";
import type { DownstreamOptions } from "./http1-downstream.ts";

export class TcpDownstream implements SocketEvents, Downstream, Closable {
  readonly isHttp2 = false;
  readonly edgeCaller = undefined;
  readonly #options: DownstreamOptions;
  readonly #socket: StreamSocket;
  readonly #output: GatheredOutput;
  readonly #exchange: OutboundExchange;
  #state: "open" | "refused" | "finished" | "closed" = "open";
  #hasAnswered = false;
  readonly #onAnswered: () => void;

  /** `onAnswered` is called once, when the other side speaks. */
  constructor(options: DownstreamOptions, onAnswered: () => void = () => undefined) {
    const { context, service, socket } = options;
    this.#onAnswered = onAnswered;
    this.#options = options;
    this.#socket = socket;
    this.#output = new GatheredOutput(socket, context.flusher, () => this.#exchange.onDrained());
    this.#exchange = new OutboundExchange(context, service, { downstream: this, request: tunnelTo(service.authority) });
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
    if (!this.#exchange.sendBody(bytes)) this.#socket.pause();
  }

  onDrain(): void {
    this.#output.drained();
  }

  onEnd(): void {
    this.#exchange.endBody([]);
  }

  onClose(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#exchange.abandon();
    this.#options.onClosed(this);
  }

  // From the exchange.

  interim(): void {}

  /** Bytes have no place for a reason: a refusal is a connection that is cut. */
  head({ isSwitch }: Answer): void {
    if (!isSwitch) this.#state = "refused";
  }

  body(data: Uint8Array): void {
    if (this.#state !== "open") return;
    if (!this.#hasAnswered) this.#onAnswered();
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
    else if (this.#state === "open") this.#state = "finished";
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
