/** Wakes the agent when a policy of its configuration comes into force or runs out, with or without a server. */
import type { Cancel, Clock, Timers } from "#engine/time";
import { type RuleSet, ruleSetsAt } from "#policy";

export interface PolicyClockOptions {
  readonly clock: Pick<Clock, "nowMs">;
  readonly timers: Pick<Timers, "after">;
  /** Something may be in force now that was not, or the other way round. */
  readonly onChange: () => void;
}

/** Longer waits are broken up, so that a clock that was set, or a host that slept, is noticed. */
const WAIT_MS_MAX = 60_000;

export class PolicyClock {
  readonly #options: PolicyClockOptions;
  #cancel: Cancel | undefined;

  constructor(options: PolicyClockOptions) {
    this.#options = options;
  }

  /** From now on these are looked after, and none before them. */
  watch(ruleSets: readonly RuleSet[]): void {
    this.stop();
    const { clock, timers } = this.#options;
    const nowMs = clock.nowMs();
    const { untilMs } = ruleSetsAt(ruleSets, nowMs);
    if (untilMs === Number.POSITIVE_INFINITY) return;
    this.#cancel = timers.after(Math.min(Math.max(1, untilMs - nowMs), WAIT_MS_MAX), () => {
      this.#options.onChange();
      this.watch(ruleSets);
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
