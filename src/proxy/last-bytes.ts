/** Waits for the last bytes of a connection whose stream is over: as long as some leave now and then, and no longer. */
import type { ProxyContext } from "./context.ts";
import type { Expirable } from "./deadlines.ts";

export class LastBytes implements Expirable {
  deadlineMs = Number.POSITIVE_INFINITY;
  deadlineSlot = -1;
  readonly #context: ProxyContext;
  readonly #onStuck: () => void;

  /** `onStuck` is called when nothing has left for too long. */
  constructor(context: ProxyContext, onStuck: () => void) {
    this.#context = context;
    this.#onStuck = onStuck;
  }

  start(): void {
    this.#context.deadlines.add(this);
    this.moved();
  }

  moved(): void {
    this.deadlineMs = this.#context.deadlines.in(this.#context.limits.streamIdleTimeoutMs);
  }

  stop(): void {
    this.#context.deadlines.remove(this);
  }

  onDeadline(): void {
    this.stop();
    this.#onStuck();
  }
}
