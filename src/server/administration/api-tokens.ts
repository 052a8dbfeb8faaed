import { equalConstantTime, sha256 } from "#engine/crypto";
import type { Random } from "#engine/random";
import type { Clock } from "#engine/time";
import { type AdminVerb, failure, problem, type Result, success } from "#model";
import type { DocumentStore } from "#store";
import type { Administrator } from "./administrator.ts";

/** An API token as the server keeps it: without its secret. */
export interface ApiTokenRecord {
  /** Names the token; not secret, may be logged. */
  readonly id: string;
  readonly namespace: string;
  /** Together with the namespace what roles call it by; no two live tokens share both. */
  readonly name: string;
  readonly verbs: readonly AdminVerb[];
  /** SHA-256 of the secret's 32 random bytes, base64url. */
  readonly secretHash: string;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

export interface ApiTokenRequest extends Pick<ApiTokenRecord, "namespace" | "name" | "verbs" | "createdBy"> {
  readonly ttlMs: number;
}

export interface ApiTokensOptions {
  readonly documents: Pick<DocumentStore, "put" | "take" | "list">;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Pick<Random, "bytes">;
}

const COLLECTION = "api-token";
const TOKENS_MAX = 1000;
const FORM = /^hat1\.([0-9a-f]{16})\.([A-Za-z0-9_-]{43})$/;
const BASE64URL = { alphabet: "base64url", omitPadding: true } as const;

/** Credentials of people and programs for the API: each of one namespace, with an end, stored by hash only. */
export class ApiTokens {
  readonly #options: ApiTokensOptions;
  readonly #byId = new Map<string, ApiTokenRecord>();

  constructor(options: ApiTokensOptions) {
    this.#options = options;
  }

  async open(): Promise<Result<void>> {
    const listed = await this.#options.documents.list(COLLECTION);
    if (!listed.ok) return listed;
    for (const record of listed.value as ApiTokenRecord[]) this.#byId.set(record.id, record);
    return success(undefined);
  }

  /** Makes a token. Its text is returned once and kept nowhere. Fails with `HDL_API_TOKEN`. */
  async create(request: ApiTokenRequest): Promise<Result<{ readonly text: string; readonly record: ApiTokenRecord }>> {
    const { documents, clock, random } = this.#options;
    const { namespace, name, verbs, createdBy, ttlMs } = request;
    const room = await this.#makeRoom(namespace, name);
    if (!room.ok) return room;
    const id = random.bytes(8).toHex();
    const secret = random.bytes(32).toBase64(BASE64URL);
    const createdAtMs = clock.nowMs();
    const times = { createdAtMs, expiresAtMs: createdAtMs + ttlMs };
    const record = { id, namespace, name, verbs, secretHash: hashOf(secret), createdBy, ...times };
    const stored = await documents.put(COLLECTION, id, record);
    if (!stored.ok) return stored;
    this.#byId.set(id, record);
    return success({ text: `hat1.${id}.${secret}`, record });
  }

  /** Those that are still good. */
  list(): readonly ApiTokenRecord[] {
    return [...this.#byId.values()].filter((each) => this.#isLive(each));
  }

  find(id: string): ApiTokenRecord | undefined {
    return this.#byId.get(id);
  }

  /** Makes it worthless, from this moment on. */
  async revoke(id: string): Promise<Result<void>> {
    this.#byId.delete(id);
    const taken = await this.#options.documents.take(COLLECTION, id);
    return taken.ok ? success(undefined) : taken;
  }

  /** Whose token the text is; undefined when it is good for nothing. Its time tells nothing about the secret. */
  identify(text: string): Administrator | undefined {
    const [, id = "", secret = ""] = FORM.exec(text) ?? [];
    const record = this.#byId.get(id);
    if (record === undefined || !this.#isLive(record) || !isEqual(hashOf(secret), record.secretHash)) return undefined;
    const { namespace, name, verbs } = record;
    return { kind: "api-token", id, namespace, name, verbs };
  }

  /** Whether the token that somebody proved before is still good. */
  isGood(id: string): boolean {
    const record = this.#byId.get(id);
    return record !== undefined && this.#isLive(record);
  }

  #isLive({ expiresAtMs }: ApiTokenRecord): boolean {
    return expiresAtMs > this.#options.clock.nowMs();
  }

  async #makeRoom(namespace: string, name: string): Promise<Result<void>> {
    for (const record of [...this.#byId.values()].filter((each) => !this.#isLive(each))) {
      const forgotten = await this.revoke(record.id);
      if (!forgotten.ok) return forgotten;
    }
    const held = this.list();
    if (held.some((each) => each.namespace === namespace && each.name === name))
      return failure(problem("HDL_API_TOKEN", `there is an API token ${namespace}/${name} already`));
    if (held.length < TOKENS_MAX) return success(undefined);
    return failure(problem("HDL_API_TOKEN", `${TOKENS_MAX} API tokens are held; revoke some`));
  }
}

function hashOf(secret: string): string {
  return sha256(secret).toBase64(BASE64URL);
}

function isEqual(left: string, right: string): boolean {
  const encoder = new TextEncoder();
  return equalConstantTime(encoder.encode(left), encoder.encode(right));
}
