import { equalConstantTime, sha256 } from "#engine/crypto";
import type { Random } from "#engine/random";
import type { Clock } from "#engine/time";
import { type Administrator, actorNameOf } from "../administration/administrator.ts";
import type { ApiTokens } from "../administration/api-tokens.ts";

const CODE_LIFE_MS = 600_000;
const SESSION_LIFE_MS = 12 * 3_600_000;
/** In all, and of one administrator: nobody can end the sessions of others by opening many. */
const HELD_MAX = 4096;
const OWN_MAX = 32;
/** Wrong credentials that one address may offer at once, and how fast it may offer more: guessing must not be cheap. */
const FAILURES_BURST = 20;
const FAILURE_REFILL_MS = 3000;
const ADDRESSES_MAX = 4096;

export interface AccessOptions {
  readonly adminToken: string;
  readonly apiTokens: Pick<ApiTokens, "identify" | "isGood">;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Pick<Random, "bytes">;
}

/** Whose right it is, and until when it was proved: what it opens lasts no longer. */
export interface Proof {
  readonly administrator: Administrator;
  /** Of a login or a session; infinite for a token, which is asked for its own end each time. */
  readonly goodUntilMs: number;
}

/** How a request showed its right. */
export interface Grant extends Proof {
  readonly by: "token" | "session";
}

/** What a code or session is worth, until then. */
interface Held extends Proof {
  readonly expiresAtMs: number;
}

export interface NewSession {
  readonly session: string;
  readonly lifeMs: number;
}

interface Bucket {
  left: number;
  atMs: number;
}

/** Who may use the API: the bearers of the admin credential and of API tokens, and browsers that spent a one-time code for a session. */
export class Access {
  readonly #options: AccessOptions;
  readonly #codes = new Map<string, Held>();
  readonly #sessions = new Map<string, Held>();
  readonly #failures = new Map<string, Bucket>();

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** A code that opens one session with the maker's own rights, once, within ten minutes. */
  createCode({ administrator, goodUntilMs }: Proof): { readonly code: string; readonly expiresAtMs: number } {
    const expiresAtMs = Math.min(this.#options.clock.nowMs() + CODE_LIFE_MS, goodUntilMs);
    return { code: this.#create(this.#codes, { administrator, goodUntilMs, expiresAtMs }), expiresAtMs };
  }

  /** The session of a code, or undefined when the code is not good. It ends with that by which the code was made. */
  openSession(code: string): (NewSession & Pick<Proof, "administrator">) | undefined {
    const held = this.#liveOf(this.#codes, code);
    this.#codes.delete(hashOf(code));
    if (held === undefined) return undefined;
    return { ...this.createSession(held.administrator, held.goodUntilMs), administrator: held.administrator };
  }

  /** A session for somebody who was proved otherwise. */
  createSession(administrator: Administrator, goodUntilMs = Number.POSITIVE_INFINITY): NewSession {
    const nowMs = this.#options.clock.nowMs();
    const expiresAtMs = Math.min(nowMs + SESSION_LIFE_MS, goodUntilMs);
    const session = this.#create(this.#sessions, { administrator, goodUntilMs: expiresAtMs, expiresAtMs });
    return { session, lifeMs: expiresAtMs - nowMs };
  }

  /** What these credentials are good for; undefined when for nothing. */
  judge(authorization: string | undefined, cookie: string | undefined): Grant | undefined {
    const token = /^Bearer ([\x21-\x7e]{1,512})$/.exec(authorization ?? "")?.[1];
    if (token !== undefined) {
      const proof = this.#bearerOf(token);
      return proof && { ...proof, by: "token" };
    }
    const session = sessionIn(cookie);
    const held = session === undefined ? undefined : this.#liveOf(this.#sessions, session);
    return held && { ...proofOf(held), by: "session" };
  }

  /** Ends the session of the bearer's token or of the cookie, if there is one. */
  closeSession(authorization: string | undefined, cookie: string | undefined): void {
    const session = SESSION_TOKEN.exec(authorization?.replace(/^Bearer /, "") ?? "")?.[1] ?? sessionIn(cookie);
    if (session !== undefined) this.#sessions.delete(hashOf(session));
  }

  /** Counts a wrong credential. False when the address has offered too many. */
  mayFail(address: string): boolean {
    const bucket = this.#bucketOf(address);
    bucket.left = Math.max(bucket.left - 1, -1);
    return bucket.left >= 0;
  }

  /** Whether the address may still offer a wrong one: asked before anything is done for it. */
  mayTry(address: string): boolean {
    return this.#bucketOf(address).left >= 1;
  }

  #bucketOf(address: string): Bucket {
    const nowMs = this.#options.clock.nowMs();
    const bucket = this.#failures.get(address) ?? { left: FAILURES_BURST, atMs: nowMs };
    bucket.left = Math.min(FAILURES_BURST, bucket.left + (nowMs - bucket.atMs) / FAILURE_REFILL_MS);
    bucket.atMs = nowMs;
    this.#failures.delete(address);
    this.#failures.set(address, bucket);
    if (this.#failures.size > ADDRESSES_MAX) dropOldest(this.#failures);
    return bucket;
  }

  #bearerOf(token: string): Proof | undefined {
    const session = SESSION_TOKEN.exec(token)?.[1];
    if (session !== undefined) {
      const held = this.#liveOf(this.#sessions, session);
      return held && proofOf(held);
    }
    const administrator = this.#isAdmin(token) ? LOCAL : this.#options.apiTokens.identify(token);
    return administrator && { administrator, goodUntilMs: Number.POSITIVE_INFINITY };
  }

  #isAdmin(token: string): boolean {
    const bytes = (text: string): Uint8Array => sha256(new TextEncoder().encode(text));
    return equalConstantTime(bytes(token), bytes(this.#options.adminToken));
  }

  #create(into: Map<string, Held>, held: Held): string {
    const code = this.#options.random.bytes(32).toBase64({ alphabet: "base64url", omitPadding: true });
    const owner = actorNameOf(held.administrator);
    const own = [...into].filter(([, each]) => actorNameOf(each.administrator) === owner);
    const [oldest] = own;
    if (own.length >= OWN_MAX && oldest !== undefined) into.delete(oldest[0]);
    into.set(hashOf(code), held);
    if (into.size > HELD_MAX) dropOldest(into);
    return code;
  }

  /** What an API token opened ends with it. */
  #liveOf(among: ReadonlyMap<string, Held>, code: string): Held | undefined {
    const held = among.get(hashOf(code));
    if (held === undefined || held.expiresAtMs <= this.#options.clock.nowMs()) return undefined;
    const { administrator } = held;
    return administrator.kind !== "api-token" || this.#options.apiTokens.isGood(administrator.id) ? held : undefined;
  }
}

/** A session of a command, which has no cookies. */
const SESSION_TOKEN = /^hst1\.([A-Za-z0-9_-]{43})$/;
const LOCAL: Administrator = { kind: "local" };

function proofOf({ administrator, goodUntilMs }: Held): Proof {
  return { administrator, goodUntilMs };
}

function sessionIn(cookie: string | undefined): string | undefined {
  return /(?:^|;\s*)heddle_session=([A-Za-z0-9_-]{1,128})/.exec(cookie ?? "")?.[1];
}

/** Looked up by hash, so that the time of a look-up tells nothing about the code. */
function hashOf(code: string): string {
  return sha256(new TextEncoder().encode(code)).toHex();
}

function dropOldest(map: Map<string, unknown>): void {
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
