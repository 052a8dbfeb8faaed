import { equalConstantTime, sha256 } from "#engine/crypto";
import type { Random } from "#engine/random";
import type { Clock } from "#engine/time";

const CODE_LIFE_MS = 600_000;
const SESSION_LIFE_MS = 12 * 3_600_000;
const CODES_MAX = 64;
const SESSIONS_MAX = 256;
/** Wrong credentials that one address may offer at once, and how fast it may offer more: guessing must not be cheap. */
const FAILURES_BURST = 20;
const FAILURE_REFILL_MS = 3000;
const ADDRESSES_MAX = 4096;

export interface AccessOptions {
  readonly adminToken: string;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Pick<Random, "bytes">;
}

/** How a request showed its right. */
export type Grant = { readonly actor: string; readonly by: "token" | "session" };

interface Bucket {
  left: number;
  atMs: number;
}

/** Who may use the API: the bearer of the admin credential, and browsers that spent a one-time code for a session. */
export class Access {
  readonly #options: AccessOptions;
  readonly #codes = new Map<string, number>();
  readonly #sessions = new Map<string, number>();
  readonly #failures = new Map<string, Bucket>();

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** A code that opens one session, once, within ten minutes. */
  createCode(): { readonly code: string; readonly expiresAtMs: number } {
    return this.#create(this.#codes, CODES_MAX, CODE_LIFE_MS);
  }

  /** The session of a code, or undefined when the code is not good. */
  openSession(code: string): { readonly session: string; readonly lifeMs: number } | undefined {
    if (!this.#take(this.#codes, code)) return undefined;
    const { code: session } = this.#create(this.#sessions, SESSIONS_MAX, SESSION_LIFE_MS);
    return { session, lifeMs: SESSION_LIFE_MS };
  }

  /** What these credentials are good for; undefined when for nothing. */
  judge(authorization: string | undefined, cookie: string | undefined): Grant | undefined {
    const token = /^Bearer ([\x21-\x7e]{1,512})$/.exec(authorization ?? "")?.[1];
    if (token !== undefined) return this.#isAdmin(token) ? { actor: "admin", by: "token" } : undefined;
    const session = /(?:^|;\s*)heddle_session=([A-Za-z0-9_-]{1,128})/.exec(cookie ?? "")?.[1];
    if (session === undefined) return undefined;
    return this.#isLive(this.#sessions, session) ? { actor: "admin", by: "session" } : undefined;
  }

  /** Counts a wrong credential. False when the address has offered too many. */
  mayFail(address: string): boolean {
    const nowMs = this.#options.clock.nowMs();
    const bucket = this.#failures.get(address) ?? { left: FAILURES_BURST, atMs: nowMs };
    bucket.left = Math.min(FAILURES_BURST, bucket.left + (nowMs - bucket.atMs) / FAILURE_REFILL_MS) - 1;
    bucket.atMs = nowMs;
    this.#failures.delete(address);
    this.#failures.set(address, bucket);
    if (this.#failures.size > ADDRESSES_MAX) dropOldest(this.#failures);
    bucket.left = Math.max(bucket.left, -1);
    return bucket.left >= 0;
  }

  #isAdmin(token: string): boolean {
    const bytes = (text: string): Uint8Array => sha256(new TextEncoder().encode(text));
    return equalConstantTime(bytes(token), bytes(this.#options.adminToken));
  }

  #create(
    into: Map<string, number>,
    max: number,
    lifeMs: number,
  ): { readonly code: string; readonly expiresAtMs: number } {
    const code = this.#options.random.bytes(32).toBase64({ alphabet: "base64url", omitPadding: true });
    const expiresAtMs = this.#options.clock.nowMs() + lifeMs;
    into.set(hashOf(code), expiresAtMs);
    if (into.size > max) dropOldest(into);
    return { code, expiresAtMs };
  }

  #isLive(among: ReadonlyMap<string, number>, code: string): boolean {
    return (among.get(hashOf(code)) ?? 0) > this.#options.clock.nowMs();
  }

  #take(from: Map<string, number>, code: string): boolean {
    const isLive = this.#isLive(from, code);
    from.delete(hashOf(code));
    return isLive;
  }
}

/** Looked up by hash, so that the time of a look-up tells nothing about the code. */
function hashOf(code: string): string {
  return sha256(new TextEncoder().encode(code)).toHex();
}

function dropOldest(map: Map<string, unknown>): void {
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
