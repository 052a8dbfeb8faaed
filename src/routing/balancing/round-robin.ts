/**
 * Weighted round robin by earliest deadline first: each turn goes to who is due soonest, and who had it is due again after one over its
 * share. Heavy endpoints come often and evenly mixed with the others, not in bursts. Everybody begins at a random point of the round,
 * so that many callers do not go round in step.
 */
import type { Candidate, Weighted } from "./candidate.ts";
import type { Picker, PickRequest } from "./picker.ts";

export class RoundRobinPicker<E extends Weighted> implements Picker<E> {
  readonly #random: () => number;
  /** A heap: nobody is due before the one at half its index. */
  #heap: Candidate<E>[] = [];
  /** When each of the heap is due, in rounds. */
  #due = new Float64Array(0);
  #nowDue = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  update(): void {}

  /** Who stays keeps its place in the round; who comes gets one at random. */
  settle(eligible: readonly Candidate<E>[]): void {
    if (eligible.length === this.#heap.length && this.#heap.every(({ isEligible }) => isEligible)) {
      const members = new Set(eligible);
      // Shares may have changed, which counts from each one's next turn.
      if (this.#heap.every((candidate) => members.has(candidate))) return;
    }
    const known = new Map(this.#heap.map((candidate, index) => [candidate, this.#due[index] as number]));
    const due = eligible.map((candidate) => known.get(candidate) ?? this.#nowDue + this.#random() / candidate.share);
    const order = eligible.map((_, index) => index).sort((a, b) => (due[a] as number) - (due[b] as number));
    this.#heap = order.map((index) => eligible[index] as Candidate<E>);
    this.#due = Float64Array.from(order, (index) => due[index] as number);
  }

  pick(_nowMs: number, { avoid }: PickRequest<E>): Candidate<E> | undefined {
    const next = this.#takeTurn();
    return next === avoid && this.#heap.length > 1 ? this.#turnOfOther(next) : next;
  }

  /** By its light neighbours a heavy endpoint may have several turns in a row. */
  #turnOfOther(avoid: Candidate<E> | undefined): Candidate<E> | undefined {
    const [top, left, right] = this.#heap;
    if (top !== avoid) return this.#takeTurn();
    return right === undefined || (this.#due[1] as number) <= (this.#due[2] as number) ? left : right;
  }

  #takeTurn(): Candidate<E> | undefined {
    const next = this.#heap[0];
    if (next === undefined) return undefined;
    this.#nowDue = this.#due[0] as number;
    this.#sink(next, this.#nowDue + 1 / next.share);
    return next;
  }

  /** Puts who was at the top where it belongs. */
  #sink(candidate: Candidate<E>, due: number): void {
    const { length } = this.#heap;
    let at = 0;
    for (let child = 1; child < length; child = 2 * at + 1) {
      if (child + 1 < length && (this.#due[child + 1] as number) < (this.#due[child] as number)) child++;
      if ((this.#due[child] as number) >= due) break;
      this.#heap[at] = this.#heap[child] as Candidate<E>;
      this.#due[at] = this.#due[child] as number;
      at = child;
    }
    this.#heap[at] = candidate;
    this.#due[at] = due;
  }
}
