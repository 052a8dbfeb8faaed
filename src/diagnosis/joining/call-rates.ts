/** How many calls of each class a request of each kind makes, found out by who was there whenever such a call was made. */
import type { Action } from "./behaviour.ts";
import type { TimedSpan } from "./timed-span.ts";

/** Kind of request → class of call → calls a request. */
export type CallRates = ReadonlyMap<string, ReadonlyMap<Action, number>>;

const ROUNDS = 30;

/** For one call: kind of request → requests that were open all the while, each by its share of time, 1/µs. */
interface Presence {
  readonly action: Action;
  readonly open: ReadonlyMap<string, number>;
}

/**
 * By expectation and maximisation: each call is shared out among the kinds that were present, in proportion to how often they are
 * taken to make it, and from the shares follows how often they do. A kind that is absent when such calls are made loses them all.
 */
export function callRates(
  incoming: readonly TimedSpan[],
  outgoing: readonly TimedSpan[],
  classOf: readonly Action[],
): CallRates {
  const totals = new Map<string, number>();
  for (const { kind } of incoming) totals.set(kind, (totals.get(kind) ?? 0) + 1);
  const presences = presencesOf(incoming, outgoing, classOf);
  let rates = new Map<string, Map<Action, number>>();
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Map<string, Map<Action, number>>();
    for (const presence of presences) shareOut(presence, rates, next);
    for (const [kind, each] of next) for (const [action, sum] of each) each.set(action, sum / (totals.get(kind) ?? 1));
    rates = next;
  }
  return rates;
}

function shareOut({ action, open }: Presence, rates: CallRates, next: Map<string, Map<Action, number>>): void {
  const weights = [...open].map(([kind, count]) => ({
    kind,
    weight: count * (rates.size === 0 ? 1 : rateOf(rates, kind, action)),
  }));
  const all = weights.reduce((sum, { weight }) => sum + weight, 0);
  if (all === 0) return;
  for (const { kind, weight } of weights) {
    const each = next.get(kind) ?? new Map<Action, number>();
    next.set(kind, each);
    each.set(action, (each.get(action) ?? 0) + weight / all);
  }
}

export function rateOf(rates: CallRates, kind: string, action: Action): number {
  return rates.get(kind)?.get(action) ?? 0;
}

function presencesOf(
  incoming: readonly TimedSpan[],
  outgoing: readonly TimedSpan[],
  classOf: readonly Action[],
): readonly Presence[] {
  const requests = incoming.toSorted((a, b) => a.startUs - b.startUs);
  const calls = [...outgoing.keys()].sort((a, b) => (outgoing[a]?.startUs ?? 0) - (outgoing[b]?.startUs ?? 0));
  let open: TimedSpan[] = [];
  let next = 0;
  return calls.map((index) => {
    const { startUs, endUs } = outgoing[index] as TimedSpan;
    while ((requests[next]?.startUs ?? Number.POSITIVE_INFINITY) <= startUs) open.push(requests[next++] as TimedSpan);
    open = open.filter((each) => each.endUs >= startUs);
    const around = open.filter((each) => each.endUs >= endUs);
    const present = new Map<string, number>();
    // A request that is open for long makes its calls at any time of it.
    for (const each of around.length > 0 ? around : open)
      present.set(each.kind, (present.get(each.kind) ?? 0) + 1 / Math.max(1, each.endUs - each.startUs));
    return { action: classOf[index] ?? 0, open: present };
  });
}
