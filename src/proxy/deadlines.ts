/**
 * Coarse deadlines: one timer looks at all that have one, ten times a second. A timer a request would cost more than the request's
 * own parsing, and nobody needs a timeout to the millisecond. Nothing is ended early; late by two looks at the most.
 */
import type { Cancel, Timers } from "#engine/time";

export interface Expirable {
  /** Milliseconds by the clock of the `Deadlines` that it was added to; Infinity for none. */
  deadlineMs: number;
  /** Where it stands among those that are looked at; -1 outside. Only for `Deadlines`. */
  deadlineSlot: number;
  onDeadline(nowMs: number): void;
}

const LOOK_MS = 100;

export class Deadlines {
  readonly #clockMs: () => number;
  readonly #timers: Pick<Timers, "every">;
  readonly #onLook: (lateMs: number) => void;
  readonly #entries: Expirable[] = [];
  #nowMs: number;
  #cancel: Cancel | undefined;

  /** `clockMs` is what deadlines are told by: a wall clock for what ends at a date, one that never jumps for what may take a while. `onLook` is told how late each look is. */
  constructor(
    clockMs: () => number,
    timers: Pick<Timers, "every">,
    onLook: (lateMs: number) => void = () => undefined,
  ) {
    this.#onLook = onLook;
    this.#clockMs = clockMs;
    this.#timers = timers;
    this.#nowMs = clockMs();
  }

  start(): void {
    this.#cancel = this.#timers.every(LOOK_MS, () => this.#look());
  }

  stop(): void {
    this.#cancel?.();
    for (const each of this.#entries) each.deadlineSlot = -1;
    this.#entries.length = 0;
  }

  /** Time of the last look. Reading it costs nothing. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** The deadline of what begins now and may take so long. */
  in(ms: number): number {
    return this.#nowMs + LOOK_MS + ms;
  }

  add(each: Expirable): void {
    if (each.deadlineSlot < 0) each.deadlineSlot = this.#entries.push(each) - 1;
  }

  remove(each: Expirable): void {
    const slot = each.deadlineSlot;
    if (slot < 0) return;
    each.deadlineSlot = -1;
    const last = this.#entries.pop() as Expirable;
    if (last === each) return;
    this.#entries[slot] = last;
    last.deadlineSlot = slot;
  }

  /** Everything that has a deadline now, which is everything that is under way. */
  visit(each: (entry: Expirable) => void): void {
    for (const entry of [...this.#entries]) if (entry.deadlineSlot >= 0) each(entry);
  }

  /** From the end, since the place of one that leaves is taken by the last. */
  #look(): void {
    const nowMs = this.#clockMs();
    this.#onLook(Math.max(0, nowMs - this.#nowMs - LOOK_MS));
    this.#nowMs = nowMs;
    for (let slot = this.#entries.length - 1; slot >= 0; slot--) {
      const each = this.#entries[slot];
      if (each !== undefined && each.deadlineMs <= nowMs) each.onDeadline(nowMs);
    }
  }
}
