/** Keeps the workload announced: renews its lease with the server, and tells it at once when something changed. */
import type { Random } from "#engine/random";
import type { Cancel, Timers } from "#engine/time";
import type { Problem, Result } from "#model";

export interface LeaseOptions {
  /** Announces the present state; the value is the life of the lease in milliseconds. */
  readonly announce: () => Promise<Result<number>>;
  readonly withdraw: () => Promise<Result<void>>;
  readonly timers: Timers;
  readonly random: Random;
  /** Called when announcing begins to fail, and with undefined when it works again. */
  readonly onProblem: (problem: Problem | undefined) => void;
}

const RETRY_MIN_MS = 200;
const RETRY_MAX_MS = 5000;

type State =
  | { readonly state: "idle" }
  | { readonly state: "announcing"; readonly again: boolean }
  | { readonly state: "waiting"; readonly cancel: Cancel }
  | { readonly state: "stopped" };

export class Lease {
  readonly #options: LeaseOptions;
  #state: State = { state: "idle" };
  #failures = 0;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Announces now; a change during an announcement is announced right after it. idle | waiting → announcing. */
  refresh(): void {
    switch (this.#state.state) {
      case "announcing":
        this.#state = { state: "announcing", again: true };
        return;
      case "stopped":
        return;
      case "waiting":
        this.#state.cancel();
        break;
      case "idle":
        break;
    }
    this.#state = { state: "announcing", again: false };
    void this.#announce();
  }

  /** Withdraws the endpoint and announces nothing more. Any state → stopped. */
  async stop(): Promise<void> {
    const wasAnnounced = this.#state.state !== "idle" && this.#state.state !== "stopped";
    if (this.#state.state === "waiting") this.#state.cancel();
    this.#state = { state: "stopped" };
    // The server may be gone already; then the lease runs out by itself.
    if (wasAnnounced) await this.#options.withdraw();
  }

  async #announce(): Promise<void> {
    const outcome = await this.#options.announce();
    if (this.#state.state !== "announcing") return;
    const { again } = this.#state;
    this.#report(outcome);
    const waitMs = outcome.ok ? (again ? 0 : outcome.value / 3) : this.#retryDelayMs();
    this.#state = { state: "waiting", cancel: this.#options.timers.after(waitMs, () => this.refresh()) };
  }

  #report(outcome: Result<number>): void {
    if (outcome.ok) {
      if (this.#failures > 0) this.#options.onProblem(undefined);
      this.#failures = 0;
      return;
    }
    this.#failures++;
    if (this.#failures === 1) this.#options.onProblem(outcome.problems[0]);
  }

  #retryDelayMs(): number {
    const delayMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(this.#failures - 1, 10));
    return delayMs * (0.5 + this.#options.random.next() / 2);
  }
}
