/** A connected byte stream, plain or TLS, over the engine's native sockets. */
import type { Socket } from "bun";

/** What a socket tells its owner. `onClose` comes once and last. */
export interface SocketEvents {
  /** Bytes that have arrived; valid during the call. */
  onData(bytes: Buffer): void;
  /** There is room again after a `write` that took less than it was given. */
  onDrain(): void;
  /** The peer sends no more; it may still read. Comes before `onClose` unless the connection broke or this side closed it. */
  onEnd(): void;
  onClose(): void;
}

export interface StreamSocket {
  readonly remoteAddress: string;
  readonly localPort: number;
  /** Hands bytes to the kernel and returns how many it took; the rest must be kept and written after `onDrain`. */
  write(bytes: Uint8Array): number;
  /** Sends no more, and goes on reading. */
  end(): void;
  /** Closes both directions after what the kernel has taken is sent. */
  close(): void;
  /** Drops the connection with all that is pending. */
  destroy(): void;
  /** Stops and resumes `onData`: the kernel's buffer fills, and the peer waits. */
  pause(): void;
  resume(): void;
}

export class NativeSocket implements StreamSocket {
  readonly #socket: Socket<unknown>;
  #events: SocketEvents | undefined;
  #isPaused = false;
  #hasEnded = false;
  #hasPeerEnded = false;

  constructor(socket: Socket<unknown>) {
    this.#socket = socket;
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress;
  }

  get localPort(): number {
    return this.#socket.localPort;
  }

  /** Events before this are lost: called in the same turn in which the socket is given out. */
  attach(events: SocketEvents): void {
    this.#events = events;
  }

  get events(): SocketEvents | undefined {
    return this.#events;
  }

  write(bytes: Uint8Array): number {
    const taken = this.#socket.write(bytes);
    // A closed socket takes everything and sends nothing; its owner hears of the close by itself.
    return taken < 0 ? bytes.length : taken;
  }

  end(): void {
    this.#hasEnded = true;
    this.#socket.shutdown();
  }

  /** For the engine's `end`. */
  peerEnded(): void {
    if (this.#hasPeerEnded) return;
    this.#hasPeerEnded = true;
    this.#events?.onEnd();
  }

  /** For the engine's `close`, which is all that it tells of a peer that ends after this side has. */
  closed(error: Error | undefined): void {
    if (error === undefined && this.#hasEnded) this.peerEnded();
    this.#events?.onClose();
  }

  close(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.terminate();
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }
}
