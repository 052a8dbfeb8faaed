/** Tells the server of issuers whose tokens name keys that the agent was not given: an issuer may have begun to sign with another. */
import type { Clock } from "#engine/time";

export interface UnknownKeysOptions {
  readonly tell: (issuer: string) => void;
  readonly clock: Pick<Clock, "nowMs">;
}

/** Who sends such tokens may be anybody: the server hears of each issuer this often at most. */
const QUIET_MS = 5000;
/** Only issuers of rules are told of; those that rules no longer name are forgotten. */
const ISSUERS_MAX = 256;

export class UnknownKeys {
  readonly #options: UnknownKeysOptions;
  /** When each issuer may be told of again. */
  #quietUntilMs: ReadonlyMap<string, number> = new Map();

  constructor(options: UnknownKeysOptions) {
    this.#options = options;
  }

  met(issuer: string): void {
    const nowMs = this.#options.clock.nowMs();
    const untilMs = this.#quietUntilMs.get(issuer) ?? Number.NEGATIVE_INFINITY;
    // A clock that was set back must not make it quiet for long.
    if (nowMs < untilMs && untilMs - nowMs <= QUIET_MS) return;
    const still = [...this.#quietUntilMs].filter(([, each]) => each > nowMs && each - nowMs <= QUIET_MS);
    if (still.length >= ISSUERS_MAX) return;
    this.#quietUntilMs = new Map([...still, [issuer, nowMs + QUIET_MS]]);
    this.#options.tell(issuer);
  }
}
