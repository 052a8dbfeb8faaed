/**
 * Tells honest use from a flood: frames that bring nothing use up credit; frames that bring something restore it, and so does time, since
 * a connection that lives for days may be asked whether it lives every ten seconds.
 */
export interface Rest {
  /** Credit that a second restores. */
  readonly perSecond: number;
  /** Any clock that goes forward; looked at only when the credit is used up. */
  readonly nowMs: () => number;
}

export class FloodGuard {
  readonly #creditMax: number;
  readonly #rest: Rest;
  #credit: number;
  #restedMs: number;

  constructor(creditMax: number, rest: Rest) {
    this.#creditMax = creditMax;
    this.#rest = rest;
    this.#credit = creditMax;
    this.#restedMs = rest.nowMs();
  }

  /** Returns false when the credit is used up: the connection should end with ENHANCE_YOUR_CALM. */
  spend(cost: number): boolean {
    this.#credit -= cost;
    return this.#credit >= 0 || this.#isRested();
  }

  earn(gain: number): void {
    this.#credit = Math.min(this.#creditMax, this.#credit + gain);
  }

  #isRested(): boolean {
    const nowMs = this.#rest.nowMs();
    this.earn(Math.floor(((nowMs - this.#restedMs) / 1000) * this.#rest.perSecond));
    this.#restedMs = nowMs;
    return this.#credit >= 0;
  }
}

/** Frames that bring nothing: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, and what comes for streams that are closed. */
export const IDLE_FRAMES_PER_SECOND = 10;
/** What a head restores that answers the peer, or that answers us. */
export const ANSWER_GAIN = 16;
/** What DATA of ours restores: its reader may give credit for it to the stream and to the connection. */
export const SENT_DATA_GAIN = 2;

/**
 * Requests that end before they are answered (CVE-2023-44487), by the peer's reset or by one that it provokes (CVE-2025-8671): they cost
 * us work and their sender nothing.
 */
export const RESETS_PER_SECOND = 20;
/** An answer pays for two: a caller that gives up two requests of three is honest still. */
export const ANSWERED_RESETS = 2;

/** Settings that one frame may hold: each may touch every stream. There are eight. */
export const SETTINGS_MAX = 32;
