import type { Clock } from "#engine/time";
import type { AuditLine } from "#model";

export interface RefusalsOptions {
  readonly clock: Pick<Clock, "nowMs">;
  readonly audit: (line: AuditLine) => void;
  /** What is written; `refusals` unless said. */
  readonly what?: string;
}

interface Budget {
  left: number;
  atMs: number;
}

/** What one address or administrator may have written at once, and how fast it comes back. */
const EACH = { burst: 20, refillMs: 300_000 };
/** What all of them together may: some 1,400 entries a day, so that the log's 50,000 last more than a month whoever tries. */
const ALL = { burst: 1000, refillMs: 60_000 };
const KEYS_MAX = 4096;

/**
 * Writes refusals into the audit log, and no more than their budget: whoever may do nothing must not be able to push out of a bounded log what
 * others did. The same holds for what somebody may do as often as he likes. What was left out is counted in the next that is written.
 */
export class Refusals {
  readonly #options: RefusalsOptions;
  readonly #budgets = new Map<string, Budget>();
  readonly #all: Budget;
  #leftOut = 0;

  constructor(options: RefusalsOptions) {
    this.#options = options;
    this.#all = { left: ALL.burst, atMs: options.clock.nowMs() };
  }

  /** `actor` is an address where nobody was proved. */
  write(line: Omit<AuditLine, "atMs">): void {
    const { clock, audit, what = "refusals" } = this.#options;
    const atMs = clock.nowMs();
    if (!this.#has(line.actor, atMs)) {
      this.#leftOut += 1;
      return;
    }
    const more = this.#leftOut === 0 ? "" : ` (and ${this.#leftOut} ${what} before that are not written)`;
    this.#leftOut = 0;
    audit({ ...line, atMs, detail: `${line.detail}${more}` });
  }

  /** Takes from both budgets, or from none. */
  #has(actor: string, nowMs: number): boolean {
    const own = this.#budgets.get(actor) ?? { left: EACH.burst, atMs: nowMs };
    this.#budgets.delete(actor);
    this.#budgets.set(actor, own);
    const [oldest] = this.#budgets.keys();
    if (this.#budgets.size > KEYS_MAX && oldest !== undefined) this.#budgets.delete(oldest);
    refill(own, EACH, nowMs);
    refill(this.#all, ALL, nowMs);
    if (own.left < 1 || this.#all.left < 1) return false;
    own.left -= 1;
    this.#all.left -= 1;
    return true;
  }
}

function refill(
  budget: Budget,
  { burst, refillMs }: { readonly burst: number; readonly refillMs: number },
  nowMs: number,
): void {
  budget.left = Math.min(burst, budget.left + Math.max(0, nowMs - budget.atMs) / refillMs);
  budget.atMs = nowMs;
}
