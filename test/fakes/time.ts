import type { Cancel, Clock, Timers } from "#engine/time";

interface Entry {
  readonly run: () => void;
  readonly everyMs: number;
  dueMs: number;
  readonly order: number;
}

/** A clock and its timers that move only when told to. Entries due at one instant run in the order they were made. */
export class FakeTime implements Clock, Timers {
  #nowMs: number;
  #made = 0;
  readonly #entries = new Set<Entry>();

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  nowUs(): number {
    return this.#nowMs * 1000;
  }

  after(ms: number, run: () => void): Cancel {
    return this.#add(ms, 0, run);
  }

  every(ms: number, run: () => void): Cancel {
    return this.#add(ms, ms, run);
  }

  soon(run: () => void): void {
    queueMicrotask(run);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal?.aborted === true) return Promise.resolve();
    const cancel = this.after(ms, resolve);
    signal?.addEventListener("abort", () => {
      cancel();
      resolve();
    });
    return promise;
  }

  /** Moves time forward, running what falls due, each at its own instant. */
  advance(ms: number): void {
    const targetMs = this.#nowMs + ms;
    for (let next = this.#earliest(targetMs); next !== undefined; next = this.#earliest(targetMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      if (next.everyMs > 0) next.dueMs += next.everyMs;
      else this.#entries.delete(next);
      next.run();
    }
    this.#nowMs = targetMs;
  }

  /** How many timers wait: nothing may be left behind after a stop. */
  get pending(): number {
    return this.#entries.size;
  }

  #add(ms: number, everyMs: number, run: () => void): Cancel {
    const entry: Entry = { run, everyMs, dueMs: this.#nowMs + ms, order: this.#made++ };
    this.#entries.add(entry);
    return () => this.#entries.delete(entry);
  }

  #earliest(limitMs: number): Entry | undefined {
    let best: Entry | undefined;
    for (const entry of this.#entries) {
      if (entry.dueMs > limitMs) continue;
      if (best === undefined || entry.dueMs < best.dueMs || (entry.dueMs === best.dueMs && entry.order < best.order))
        best = entry;
    }
    return best;
  }
}
