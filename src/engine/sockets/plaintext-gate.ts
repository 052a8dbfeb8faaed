/** Which connections to a listener for TLS are taken without it. */
import type { Socket } from "bun";
import { deferAccept, firstByteAt, TLS_HANDSHAKE } from "./first-byte.ts";
import type { Held } from "./plain.ts";
import { NativeSocket, type SocketEvents, type StreamSocket } from "./stream-socket.ts";

/** Whom a listener hears. With `tls-or-plaintext` the first byte tells; a caller that waits for the other side to speak is in the clear. */
export type Admission = "tls" | "tls-or-plaintext" | "plaintext";

export interface PlaintextGateOptions {
  /** Gives the events of a connection in the clear; undefined refuses it. Called before any byte is read. */
  readonly accept: (socket: StreamSocket) => SocketEvents | undefined;
  /** A connection that was taken without TLS begins it. It is dropped before its owner has seen a byte. */
  readonly onTls: (socket: StreamSocket) => void;
}

export class PlaintextGate {
  readonly #options: PlaintextGateOptions;
  #admission: Admission = "tls";

  constructor(options: PlaintextGateOptions) {
    this.#options = options;
  }

  /** From the next connection on. Returns false, and changes nothing, where the system cannot show a first byte. */
  admit(admission: Admission, listenerFd: number): boolean {
    const [isToTell, tells] = [admission, this.#admission].map((each) => each === "tls-or-plaintext");
    const isAble = isToTell === tells || deferAccept(listenerFd, isToTell ? 1 : 0);
    if (isToTell && !isAble) return false;
    this.#admission = admission;
    return true;
  }

  /** Takes a connection that comes without TLS. Returns false for one that is to shake hands. */
  takes(socket: Socket<Held>): boolean {
    if (this.#admission === "tls") return false;
    if (this.#admission === "tls-or-plaintext" && firstByteAt(fdOf(socket)) === TLS_HANDSHAKE) return false;
    const connection = new NativeSocket(socket as Socket<unknown>);
    const events = this.#options.accept(connection);
    if (events === undefined) {
      socket.terminate();
      return true;
    }
    connection.attach(
      new WithoutTls(events, () => {
        this.#options.onTls(connection);
        connection.destroy();
      }),
    );
    socket.data = { connection };
    return true;
  }
}

/** The engine has it, and its types do not. */
function fdOf(socket: Socket<Held>): number {
  return (socket as Socket<Held> & { readonly fd: number }).fd;
}

/** The events of a connection whose owner is never given TLS for plaintext: a caller may have begun it late. */
class WithoutTls implements SocketEvents {
  readonly #events: SocketEvents;
  readonly #onTls: () => void;
  #spoken: "nothing" | "plaintext" | "tls" = "nothing";

  constructor(events: SocketEvents, onTls: () => void) {
    this.#events = events;
    this.#onTls = onTls;
  }

  onData(bytes: Buffer): void {
    if (this.#spoken === "nothing") {
      this.#spoken = bytes[0] === TLS_HANDSHAKE ? "tls" : "plaintext";
      if (this.#spoken === "tls") this.#onTls();
    }
    if (this.#spoken === "plaintext") this.#events.onData(bytes);
  }

  onDrain(): void {
    this.#events.onDrain();
  }

  onEnd(): void {
    this.#events.onEnd();
  }

  onClose(): void {
    this.#events.onClose();
  }
}
