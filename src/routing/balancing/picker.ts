/** Draws one endpoint of a group: what all policies have in common. */
import type { Candidate, Weighted } from "./candidate.ts";
import type { Hash64 } from "./xxhash64.ts";

export interface Picker<E extends Weighted> {
  /** Who belongs to the group, and weights that make 1 together. Only here may tables be built. */
  update(members: readonly Candidate<E>[], weights: readonly number[]): void;
  /** Who of them may be drawn now; called when that, or a `share`, has changed. */
  settle(eligible: readonly Candidate<E>[]): void;
  /** Draws one, not `avoid` when there is another; undefined when there is none. Allocates nothing. */
  pick(nowMs: number, request: PickRequest<E>): Candidate<E> | undefined;
}

/** What is asked for. */
export interface PickRequest<E extends Weighted> {
  /** Who failed this request before. */
  readonly avoid?: Candidate<E> | undefined;
  /** Of the key that should meet the same endpoint again; without it chance decides. */
  readonly hash?: Hash64 | undefined;
}

/** One of two or more, that is not `other`, at random. */
export function drawOther<E extends Weighted>(
  eligible: readonly Candidate<E>[],
  other: Candidate<E>,
  random: () => number,
): Candidate<E> {
  const last = eligible.length - 1;
  const drawn = eligible[Math.floor(random() * last)] as Candidate<E>;
  return drawn === other ? (eligible[last] as Candidate<E>) : drawn;
}
