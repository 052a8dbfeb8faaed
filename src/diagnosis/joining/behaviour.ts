/**
 * How a program behaves between the events of a request, as far as its agent sees them: after each one, what comes next, and how soon.
 *
 * A request is taken as a semi-Markov process: it starts, calls are made, answers come back, and it ends. What is next is counted by the
 * last event, whether answers are still awaited, and how many calls were made; gaps are kept as a histogram of their logarithm.
 */

import type { CallRates } from "./call-rates.ts";

/** Who acts next: a call of a class (its index, from 0), the end of the request, or nobody before the next answer comes. */
export type Action = number;
export const END: Action = -1;
export const WAIT: Action = -2;

const BINS_PER_OCTAVE = 4;
const BINS = 36 * BINS_PER_OCTAVE;
/** Length of a bin in natural logarithms of the gap. */
const BIN_LENGTH = Math.LN2 / BINS_PER_OCTAVE;
/** How many observations what is known in general stands for beside what is known of this very moment. */
const PRIOR_ACTIONS = 2;
const PRIOR_GAPS = 4;
/** How likely something is that was never seen. */
const UNHEARD_OF = 0.0005;
/** The share of calls that are made after their request has ended, before anything is known. */
const LATE = 0.01;
/** Calls that may still come where as many as expected were made. */
const MORE_THAN_EXPECTED = 0.05;
/** Calls are counted up to this many; a longer loop repeats itself. */
const ISSUED_MAX = 6;

function binOf(gapUs: number): number {
  return Math.min(BINS - 1, Math.floor(Math.log2(Math.max(1, gapUs)) * BINS_PER_OCTAVE));
}

/** Before anything is known, a gap is as likely as a mean wait of each of these has it, µs: none is preferred for being very short. */
const MEAN_WAITS_US = [500, 2000, 8000, 32_000, 128_000];

const PRIOR_SHARES = Float64Array.from({ length: BINS }, (_, bin) => {
  const [from, to] = [2 ** (bin / BINS_PER_OCTAVE), 2 ** ((bin + 1) / BINS_PER_OCTAVE)];
  const shares = MEAN_WAITS_US.map((mean) => Math.exp(-from / mean) - Math.exp(-to / mean));
  return Math.max(1e-9, shares.reduce((sum, share) => sum + share, 0) / MEAN_WAITS_US.length);
});

class Gaps {
  #total = 0;
  readonly #bins = new Float64Array(BINS);

  add(gapUs: number, weight: number): void {
    const bin = binOf(gapUs);
    this.#total += weight;
    this.#bins[bin] = (this.#bins[bin] ?? 0) + weight / 2;
    this.#bins[Math.max(0, bin - 1)] = (this.#bins[Math.max(0, bin - 1)] ?? 0) + weight / 4;
    this.#bins[Math.min(BINS - 1, bin + 1)] = (this.#bins[Math.min(BINS - 1, bin + 1)] ?? 0) + weight / 4;
  }

  /** The share of gaps in a bin, with `prior` for what was not seen. */
  share(bin: number, prior: number): number {
    return ((this.#bins[bin] ?? 0) + PRIOR_GAPS * prior) / (this.#total + PRIOR_GAPS);
  }
}

/** What follows one kind of moment. */
export class Moment {
  readonly #general: Moment | undefined;
  readonly #priors: ReadonlyMap<Action, number>;
  #total = 0;
  readonly #counts = new Map<Action, number>();
  readonly #gaps = new Map<Action, Gaps>();

  /** `priors` says how likely each action is before anything is known. */
  constructor(priors: ReadonlyMap<Action, number>, general?: Moment) {
    this.#priors = priors;
    this.#general = general;
  }

  observe(action: Action, gapUs: number, weight: number): void {
    this.#general?.observe(action, gapUs, weight);
    this.#total += weight;
    this.#counts.set(action, (this.#counts.get(action) ?? 0) + weight);
    const gaps = this.#gaps.get(action) ?? new Gaps();
    this.#gaps.set(action, gaps);
    gaps.add(gapUs, weight);
  }

  /** Logarithm of how likely the action is next; with a gap, of its density at that gap, per µs. */
  score(action: Action, gapUs?: number): number {
    const chance = Math.log(this.#chance(action));
    if (gapUs === undefined) return chance;
    return chance + Math.log(this.#share(action, binOf(gapUs)) / (BIN_LENGTH * Math.max(1, gapUs)));
  }

  /** By what was seen here; else by what was seen whatever the number of calls; else by what is expected of this number. */
  #chance(action: Action): number {
    const expected = this.#priors.get(action) ?? UNHEARD_OF;
    const prior = this.#general === undefined ? expected : this.#general.#mixed(action, expected);
    return this.#mixed(action, prior);
  }

  #mixed(action: Action, prior: number): number {
    return ((this.#counts.get(action) ?? 0) + PRIOR_ACTIONS * prior) / (this.#total + PRIOR_ACTIONS);
  }

  #share(action: Action, bin: number): number {
    const prior = this.#general === undefined ? (PRIOR_SHARES[bin] ?? 0) : this.#general.#share(action, bin);
    return this.#gaps.get(action)?.share(bin, prior) ?? prior;
  }
}

/** The last event of a request. */
export type EventKind = "start" | "issue" | "return" | "end";

/** Where a request stands; never changed. */
export interface Progress {
  readonly endpoint: string;
  readonly kind: EventKind;
  /** When the last event was. */
  readonly atUs: number;
  /** Calls that are not answered yet. */
  readonly pending: number;
  readonly issued: number;
  readonly moment: Moment;
}

/** The moments of all endpoints of one program. */
export class Behaviour {
  readonly #moments = new Map<string, Moment>();
  readonly #rates: CallRates;

  constructor(rates: CallRates) {
    this.#rates = rates;
  }

  start(endpoint: string, atUs: number): Progress {
    return this.#at({ endpoint, kind: "start", atUs, pending: 0, issued: 0 }, 0);
  }

  issued(from: Progress, action: Action, atUs: number): Progress {
    const { endpoint, kind, pending, issued } = from;
    const next = kind === "end" ? "end" : "issue";
    return this.#at({ endpoint, kind: next, atUs, pending: pending + 1, issued: issued + 1 }, action);
  }

  returned(from: Progress, action: Action, atUs: number): Progress {
    const { endpoint, kind, pending, issued } = from;
    if (kind === "end") return { ...from, pending: pending - 1 };
    return this.#at({ endpoint, kind: "return", atUs, pending: pending - 1, issued }, action);
  }

  ended({ endpoint, pending, issued }: Progress, atUs: number): Progress {
    return this.#at({ endpoint, kind: "end", atUs, pending, issued }, 0);
  }

  #at(progress: Omit<Progress, "moment">, action: Action): Progress {
    const { endpoint, kind, pending, issued } = progress;
    const general = `${endpoint} ${kind} ${action} ${pending > 0}`;
    const special = `${general} ${Math.min(issued, ISSUED_MAX)}`;
    const known = this.#moments.get(special) ?? this.#moment(special, progress, this.#moment(general, progress));
    return { ...progress, moment: known };
  }

  #moment(key: string, progress: Omit<Progress, "moment">, general?: Moment): Moment {
    const moment = this.#moments.get(key) ?? new Moment(this.#priors(progress), general);
    this.#moments.set(key, moment);
    return moment;
  }

  /** What is expected where a request makes so many calls as its kind is taken to make: the more it has made, the fewer are left. */
  #priors({ endpoint, kind, issued }: Omit<Progress, "moment">): ReadonlyMap<Action, number> {
    const rates = this.#rates.get(endpoint) ?? new Map<Action, number>();
    const all = [...rates.values()].reduce((sum, rate) => sum + rate, 0);
    const left = Math.max(MORE_THAN_EXPECTED, all - issued);
    // What has ended seldom acts again.
    const share = (kind === "end" ? LATE : 1) / (1 + left);
    const calls = [...rates].map(([action, rate]): [Action, number] => [
      action,
      Math.max(UNHEARD_OF, (share * left * rate) / all),
    ]);
    return new Map([...calls, [END, 0.5 / (1 + left)], [WAIT, 0.5 / (1 + left)]]);
  }
}
