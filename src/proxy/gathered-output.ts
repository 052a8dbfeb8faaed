/** Output to an app or an outside caller, gathered over a turn and written as far as the kernel takes it. */
import type { StreamSocket } from "#engine/sockets";
import { OutputBuffer } from "#wire/output";
import type { Flushable, TurnFlusher } from "./turn-flusher.ts";

export class GatheredOutput implements Flushable {
  readonly #socket: StreamSocket;
  readonly #flusher: TurnFlusher;
  readonly #onDrained: () => void;
  readonly #buffer = new OutputBuffer();
  #isScheduled = false;
  #isFull = false;
  #endsWhenEmpty = false;

  /** `onDrained` is called when all that was written has left after there was too much for the kernel. */
  constructor(socket: StreamSocket, flusher: TurnFlusher, onDrained: () => void) {
    this.#socket = socket;
    this.#flusher = flusher;
    this.#onDrained = onDrained;
  }

  /** Bytes that have not left yet. */
  get pending(): number {
    return this.#buffer.length;
  }

  text(latin1: string): void {
    this.#buffer.writeLatin1(latin1);
    this.#schedule();
  }

  bytes(bytes: Uint8Array): void {
    this.#buffer.writeBytes(bytes);
    this.#schedule();
  }

  /** Ends the sending side once all has left. */
  end(): void {
    this.#endsWhenEmpty = true;
    this.#schedule();
  }

  /** For the socket's `onDrain`. */
  drained(): void {
    this.#isFull = false;
    this.flush();
  }

  flush(): void {
    this.#isScheduled = false;
    if (this.#isFull) return;
    const bytes = this.#buffer.peek();
    if (bytes.length > 0) {
      const taken = this.#socket.write(bytes);
      this.#buffer.consume(taken);
      this.#isFull = taken < bytes.length;
    }
    if (this.#isFull) return;
    if (this.#endsWhenEmpty) {
      this.#endsWhenEmpty = false;
      this.#socket.end();
    }
    this.#onDrained();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isFull) return;
    this.#isScheduled = true;
    this.#flusher.schedule(this);
  }
}
