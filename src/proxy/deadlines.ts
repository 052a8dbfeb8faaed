/**
 * Coarse deadlines: one timer looks at all that have one, ten times a second. A timer a request would cost more than the request's
 * own parsing, and nobody needs a timeout to the millisecond.
 */
import type { Cancel, Clock, Timers } from "#engine/time";

export interface Expirable {
  /** Milliseconds since the epoch; Infinity for none. */
  deadlineMs: number;
  onDeadline(nowMs: number): void;
}

const LOOK_MS = 100;

export class Deadlines {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #timers: Pick<Timers, "every">;
  readonly #entries = new Set<Expirable>();
  #cancel: Cancel | undefined;

  constructor(clock: Pick<Clock, "nowMs">, timers: Pick<Timers, "every">) {
    this.#clock = clock;
    this.#timers = timers;
  }

  start(): void {
    this.#cancel = this.#timers.every(LOOK_MS, () => this.#look());
  }

  stop(): void {
    this.#cancel?.();
    this.#entries.clear();
  }

  add(each: Expirable): void {
    this.#entries.add(each);
  }

  remove(each: Expirable): void {
    this.#entries.delete(each);
  }

  #look(): void {
    const nowMs = this.#clock.nowMs();
    for (const each of this.#entries) if (each.deadlineMs <= nowMs) each.onDeadline(nowMs);
  }
}
