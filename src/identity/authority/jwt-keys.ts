/** The keys that sign JWT-SVIDs: published before they sign, and after, since whoever verifies keeps a copy for a while. */
import type { SigningKey } from "#engine/crypto";
import type { Random } from "#engine/random";
import type { Clock } from "#engine/time";
import { type JwtAuthority, jwtSvidInput, type SpiffeId } from "#identity";
import { failure, problem, type Result, success } from "#model";
import type { AuthorityEvent, JwtKeySlot } from "./journal.ts";
import { createKey, encryptKey, type KeyFiles, loadKey } from "./key-files.ts";

export interface JwtKeysOptions {
  /** Folder of the keys. */
  readonly directory: string;
  readonly keys: KeyFiles;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Random;
  readonly slots: () => readonly JwtKeySlot[];
  /** Takes an event into the authority's journal. */
  readonly record: (event: AuthorityEvent) => Promise<Result<void>>;
}

/** What a token is issued for. */
export interface JwtGrantTerms {
  readonly spiffeId: SpiffeId;
  readonly audience: readonly string[];
  readonly ttlMs: number;
  /** URL of the OpenID Connect provider that publishes the keys. */
  readonly issuer?: string;
}

export interface IssuedJwt {
  readonly token: string;
  readonly expiresAtMs: number;
}

const DAY_MS = 86_400_000;
/** Shortest and longest life of a token, milliseconds. */
const TTL_MS = { min: 5000, max: 3_600_000 } as const;
const KEY_LIFE_MS = 30 * DAY_MS;
/** How long a key is published before it signs and after it has signed: clouds keep a fetched set for hours. */
const PUBLISHED_MS = DAY_MS;

export class JwtKeys {
  readonly #options: JwtKeysOptions;
  #active: { readonly id: string; readonly key: SigningKey } | undefined;

  constructor(options: JwtKeysOptions) {
    this.#options = options;
  }

  /** Makes the first key, or loads the one that signs. */
  async open(): Promise<Result<void>> {
    for (const { id } of this.#options.slots()) {
      const encrypted = await encryptKey(this.#options.keys, this.#path(id));
      if (!encrypted.ok) return encrypted;
    }
    const active = this.#slot("active");
    const held = active === undefined ? success(undefined) : await loadKey(this.#options.keys, this.#path(active.id));
    if (!held.ok) return held;
    return held.value === undefined ? this.#replace() : this.#load();
  }

  /** There is no key yet, or its file was taken away because it is to sign no more. */
  async #replace(): Promise<Result<void>> {
    const made = this.#slot("prepared") === undefined ? await this.#prepare() : success(undefined);
    return made.ok ? this.#activate() : made;
  }

  /** Every published key. */
  get authorities(): readonly JwtAuthority[] {
    return this.#options.slots().map(({ id, publicKeyInfo }) => ({
      keyId: id,
      publicKeyInfo: new Uint8Array(Buffer.from(publicKeyInfo, "base64")),
    }));
  }

  /** A signed token. Its life is held to between five seconds and an hour. Fails with `HDL_AUTHORITY_EXPIRED` when no key is there. */
  issue({ spiffeId, audience, ttlMs, issuer }: JwtGrantTerms): Result<IssuedJwt> {
    const active = this.#active;
    if (active === undefined) return failure(problem("HDL_AUTHORITY_EXPIRED", "There is no key for JWT-SVIDs."));
    const issuedAtMs = this.#options.clock.nowMs();
    const expiresAtMs = Math.floor((issuedAtMs + Math.min(Math.max(ttlMs, TTL_MS.min), TTL_MS.max)) / 1000) * 1000;
    const claims = { spiffeId, audience, issuedAtMs, expiresAtMs, ...(issuer === undefined ? {} : { issuer }) };
    const input = jwtSvidInput(claims, active.id);
    const signature = active.key.signJws(new TextEncoder().encode(input));
    return success({ token: `${input}.${Buffer.from(signature).toString("base64url")}`, expiresAtMs });
  }

  /** Replaces the key each month: publishes the next a day before it signs, and the last a day after. */
  async maintain(): Promise<Result<void>> {
    const nowMs = this.#options.clock.nowMs();
    const old = this.#slot("old");
    if (old !== undefined && old.sinceMs + PUBLISHED_MS <= nowMs) return this.#remove(old.id);
    const prepared = this.#slot("prepared");
    if (prepared !== undefined) return prepared.sinceMs + PUBLISHED_MS <= nowMs ? this.#activate() : success(undefined);
    const isDue = (this.#slot("active")?.sinceMs ?? 0) + KEY_LIFE_MS - PUBLISHED_MS <= nowMs;
    return isDue ? this.#prepare() : success(undefined);
  }

  async #prepare(): Promise<Result<void>> {
    const id = Buffer.from(this.#options.random.bytes(8)).toString("hex");
    const key = await createKey(this.#options.keys, this.#path(id));
    if (!key.ok) return key;
    const publicKeyInfo = Buffer.from(key.value.publicKeyInfo).toString("base64");
    return this.#options.record({ event: "jwt-prepared", atMs: this.#options.clock.nowMs(), key: id, publicKeyInfo });
  }

  async #activate(): Promise<Result<void>> {
    const id = this.#slot("prepared")?.id ?? "";
    const recorded = await this.#options.record({
      event: "jwt-activated",
      atMs: this.#options.clock.nowMs(),
      key: id,
    });
    return recorded.ok ? this.#load() : recorded;
  }

  async #remove(id: string): Promise<Result<void>> {
    const recorded = await this.#options.record({ event: "jwt-removed", atMs: this.#options.clock.nowMs(), key: id });
    return recorded.ok ? this.#options.keys.files.remove(this.#path(id)) : recorded;
  }

  async #load(): Promise<Result<void>> {
    const id = this.#slot("active")?.id ?? "";
    const key = await loadKey(this.#options.keys, this.#path(id));
    if (!key.ok) return key;
    if (key.value === undefined)
      return failure(problem("HDL_AUTHORITY_KEY_UNUSABLE", `${this.#path(id)} does not hold the key for JWT-SVIDs.`));
    this.#active = { id, key: key.value };
    return success(undefined);
  }

  #slot(status: JwtKeySlot["status"]): JwtKeySlot | undefined {
    return this.#options.slots().find((each) => each.status === status);
  }

  #path(id: string): string {
    return `${this.#options.directory}/${id}.key`;
  }
}
