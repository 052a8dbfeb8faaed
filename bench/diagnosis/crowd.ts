/** Callers outside the mesh, who ask at a steady rate whatever becomes of what they asked before. */
import type { Random } from "#engine/random";
import type { Traffic } from "./incidents.ts";

const TIMEOUT_MS = 10_000;
/** More at once are not begun: the answer to them would say nothing new. */
const UNDER_WAY_MAX = 400;
const TICK_MS = 10;

/** What the callers lived through. */
export interface Experience {
  readonly asked: number;
  /** Answered by anything but a 2xx, or not at all. */
  readonly failed: number;
  readonly meanMs: number;
}

export class Crowd {
  readonly #url: string;
  readonly #perSecond: number;
  readonly #random: Random;
  readonly #timer: ReturnType<typeof setInterval>;
  #traffic: Traffic = {};
  #tickedMs = performance.now();
  #underWay = 0;
  #asked = 0;
  #failed = 0;
  #totalMs = 0;

  constructor(url: string, perSecond: number, random: Random) {
    this.#url = url;
    this.#perSecond = perSecond;
    this.#random = random;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  behave(traffic: Traffic): void {
    this.#traffic = traffic;
  }

  /** Since the call before. */
  takeExperience(): Experience {
    const taken = { asked: this.#asked, failed: this.#failed, meanMs: this.#totalMs / Math.max(1, this.#asked) };
    this.#asked = 0;
    this.#failed = 0;
    this.#totalMs = 0;
    return taken;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const { times = 1 } = this.#traffic;
    const nowMs = performance.now();
    const due = ((nowMs - this.#tickedMs) / 1000) * this.#perSecond * times;
    this.#tickedMs = nowMs;
    // As many as are due on average, and as unevenly as strangers come.
    for (let left = due; left > 0; left -= 1)
      if (this.#random.next() < Math.min(1, left) && this.#underWay < UNDER_WAY_MAX) void this.#ask();
  }

  async #ask(): Promise<void> {
    const { abandon, isOneUser = false } = this.#traffic;
    const isLeaving = abandon !== undefined && this.#random.next() < abandon.share;
    const signal = AbortSignal.timeout(isLeaving ? abandon.afterMs : TIMEOUT_MS);
    const user = isOneUser ? "robot" : `user-${Math.floor(this.#random.next() * 1000)}`;
    this.#underWay++;
    const askedMs = performance.now();
    const isGood = await fetch(`${this.#url}/work`, { headers: { "x-user": user }, signal }).then(
      async (response) => (await response.text()) !== "" && response.ok,
      () => false,
    );
    this.#underWay--;
    this.#asked++;
    this.#totalMs += performance.now() - askedMs;
    if (!isGood) this.#failed++;
  }
}
