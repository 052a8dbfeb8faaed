/**
 * A connection of an app to a service whose routes go by the server name of TLS: its first message is read for the name, and passed on
 * as it came. The agent takes no part in the app's own TLS.
 */
import type { SocketEvents, StreamSocket } from "#engine/sockets";
import { ClientHelloReader } from "#wire/tls-hello";
import type { Closable } from "../context.ts";
import type { Expirable } from "../deadlines.ts";
import type { DownstreamOptions } from "../downstream/http1-downstream.ts";
import { TcpDownstream } from "../downstream/tcp-downstream.ts";

export class TlsConnection implements SocketEvents, Closable, Expirable {
  deadlineMs: number;
  deadlineSlot = -1;
  readonly #options: DownstreamOptions;
  readonly #socket: StreamSocket;
  readonly #reader = new ClientHelloReader();
  #held: Buffer[] = [];
  #tunnel: TcpDownstream | undefined;
  #isClosed = false;

  constructor(options: DownstreamOptions) {
    const { context, socket } = options;
    this.#socket = socket;
    this.#options = { ...options, onClosed: () => options.onClosed(this) };
    this.deadlineMs = context.deadlines.in(context.limits.headTimeoutMs);
    context.deadlines.add(this);
  }

  start(): void {}

  onData(bytes: Buffer): void {
    if (this.#tunnel !== undefined) return this.#tunnel.onData(bytes);
    this.#held.push(Buffer.from(bytes));
    const reading = this.#reader.read(bytes);
    if (reading.state === "more") return;
    this.#open(reading.state === "hello" ? (reading.hello.serverName ?? "") : "");
  }

  onDrain(): void {
    this.#tunnel?.onDrain();
  }

  onEnd(): void {
    if (this.#tunnel === undefined) this.destroy();
    else this.#tunnel.onEnd();
  }

  onClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.context.deadlines.remove(this);
    if (this.#tunnel === undefined) this.#options.onClosed(this);
    else this.#tunnel.onClose();
  }

  onDeadline(): void {
    this.destroy();
  }

  drain(): void {
    if (this.#tunnel === undefined) this.destroy();
    else this.#tunnel.drain();
  }

  destroy(): void {
    if (this.#tunnel !== undefined) return this.#tunnel.destroy();
    this.#socket.destroy();
    this.onClose();
  }

  /** What is no TLS has no name, and goes by the routes that ask for none. */
  #open(serverName: string): void {
    this.#options.context.deadlines.remove(this);
    const tunnel = new TcpDownstream({ ...this.#options, serverName });
    this.#tunnel = tunnel;
    tunnel.start();
    for (const bytes of this.#held.splice(0)) tunnel.onData(bytes);
  }
}
