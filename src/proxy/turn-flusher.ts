/**
 * Gathers writes until the event loop's turn ends: what many requests of one turn write to one connection leaves in one TLS record
 * and one system call. A turn with one request ends at once, so that it waits for nobody.
 */
import type { Timers } from "#engine/time";

export interface Flushable {
  flush(): void;
}

export class TurnFlusher {
  readonly #timers: Pick<Timers, "soon">;
  #waiting: Flushable[] = [];
  #flushing: Flushable[] = [];
  readonly #run = (): void => this.#flush();

  constructor(timers: Pick<Timers, "soon">) {
    this.#timers = timers;
  }

  /** Flushes it once at the end of this turn. Its owner asks once, not for each write. */
  schedule(each: Flushable): void {
    if (this.#waiting.length === 0) this.#timers.soon(this.#run);
    this.#waiting.push(each);
  }

  #flush(): void {
    const due = this.#waiting;
    this.#waiting = this.#flushing;
    for (const each of due) each.flush();
    due.length = 0;
    this.#flushing = due;
  }
}
