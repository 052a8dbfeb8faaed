/** Which tokens were used already, from where and how often, for as long as each holds. */

export interface TokenUse {
  /** Of the token: its hash, never itself. */
  readonly id: string;
  /** Of the peer. */
  readonly address: string;
  readonly untilMs: number;
}

/** A pod whose agent is restarted shows the same token until the kubelet has renewed it. */
const USES_MAX = 16;
/** Only tokens that hold are remembered, so that strangers cannot fill it. */
const TOKENS_MAX = 16_384;
/** As long as clocks may be apart where times of tokens are judged. */
const SKEW_MS = 60_000;

/** A token is good from the address that used it first, and some times only: one that was seen is of little use elsewhere. */
export class TokenUses {
  readonly #used = new Map<string, { readonly address: string; readonly untilMs: number; count: number }>();

  /** Counts a use; why it may not be, otherwise. */
  take({ id, address, untilMs }: TokenUse, nowMs: number): string | undefined {
    const held = this.#used.get(id);
    if (held === undefined) {
      if (this.#used.size >= TOKENS_MAX) this.#forget(nowMs);
      if (this.#used.size >= TOKENS_MAX) return "cannot be remembered among so many others";
      this.#used.set(id, { address, untilMs, count: 1 });
      return undefined;
    }
    if (held.address !== address) return "was used from another address before";
    if (held.count >= USES_MAX) return `was used ${USES_MAX} times before`;
    held.count++;
    return undefined;
  }

  /** A use that came to nothing is none. */
  giveBack({ id }: Pick<TokenUse, "id">): void {
    const held = this.#used.get(id);
    if (held !== undefined && --held.count === 0) this.#used.delete(id);
  }

  #forget(nowMs: number): void {
    for (const [id, { untilMs }] of this.#used) if (untilMs + SKEW_MS < nowMs) this.#used.delete(id);
  }
}

/** The use of one token by one claim: counted once, however many attestors look at it. */
export class ClaimedUse {
  readonly #uses: TokenUses;
  #taken: { readonly use: TokenUse; readonly fault: string | undefined } | undefined;

  constructor(uses: TokenUses) {
    this.#uses = uses;
  }

  take(use: TokenUse, nowMs: number): string | undefined {
    this.#taken ??= { use, fault: this.#uses.take(use, nowMs) };
    return this.#taken.fault;
  }

  /** Nobody joined by it. */
  giveBack(): void {
    if (this.#taken !== undefined && this.#taken.fault === undefined) this.#uses.giveBack(this.#taken.use);
  }
}
