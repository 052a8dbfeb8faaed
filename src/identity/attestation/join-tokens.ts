import { equalConstantTime, sha256 } from "#engine/crypto";
import type { Random } from "#engine/random";
import type { Clock } from "#engine/time";
import { DNS_LABEL, failure, type ProblemCode, problem, type Result, success } from "#model";
import { encodeBase64Url, encodeJoinToken, parseJoinToken } from "./join-token.ts";

/** A namespace and service account, together the path of a SPIFFE ID. */
export interface WorkloadName {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** A join token as the server keeps it: without its secret. */
export interface JoinTokenRecord {
  readonly id: string;
  /** SHA-256 of the secret, base64url. */
  readonly secretHash: string;
  readonly workloads: readonly WorkloadName[];
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly createdBy: string;
  readonly use: TokenUse | null;
}

/** The one use of a token. */
export interface TokenUse extends WorkloadName {
  readonly atMs: number;
  readonly peerAddress: string;
  /** SHA-256 of the public key that was certified, base64url. */
  readonly keyHash: string;
}

/** Where records are kept: the server's store. */
export interface JoinTokenStore {
  put(record: JoinTokenRecord): Promise<Result<void>>;
  find(id: string): Promise<Result<JoinTokenRecord | undefined>>;
  /** Marks an unused token used, atomically: of any number of callers one gets true. */
  use(id: string, use: TokenUse): Promise<Result<boolean>>;
  list(): Promise<Result<readonly JoinTokenRecord[]>>;
  /** True when there was one. */
  delete(id: string): Promise<Result<boolean>>;
}

/** One line of the audit trail. `code` says why a token was refused. */
export interface JoinTokenAudit {
  readonly kind: "token-created" | "token-used" | "token-refused" | "token-revoked";
  readonly atMs: number;
  readonly tokenId: string;
  readonly actor: string;
  readonly workloads: readonly WorkloadName[];
  readonly code?: ProblemCode;
}

export interface JoinTokensOptions {
  readonly store: JoinTokenStore;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Pick<Random, "bytes">;
  readonly audit: (entry: JoinTokenAudit) => void;
}

export interface JoinTokenRequest {
  /** `host:port` that agents dial. */
  readonly server: string;
  readonly rootHash: string;
  /** 1 to 64 workloads; the token is good for any one of them, once. */
  readonly workloads: readonly WorkloadName[];
  /** 5 s to 30 days; default one hour. */
  readonly ttlMs?: number;
  /** Who asks, for the audit trail. */
  readonly createdBy: string;
}

/** Proof offered by a joining agent. */
export interface JoinClaim extends WorkloadName {
  readonly joinToken: string;
  /** SubjectPublicKeyInfo whose possession the agent has proved. */
  readonly publicKeyInfo: Uint8Array;
  readonly peerAddress: string;
}

export const JOIN_TOKEN_TTL_MS = { min: 5000, default: 3_600_000, max: 30 * 86_400_000 } as const;

const WORKLOAD_COUNT_MAX = 64;
const TOKEN_COUNT_MAX = 10_000;
/** Ended tokens are remembered so long, so that a late or stolen one is named for what it is. */
const MEMORY_MS = 86_400_000;
/** An agent whose answer was lost may ask again with the same key within this time: the same use, not another. */
const REPEAT_MS = 300_000;

/** Makes, checks and revokes join tokens: proof that someone who may decide wanted this workload to join. */
export class JoinTokens {
  readonly #options: JoinTokensOptions;

  constructor(options: JoinTokensOptions) {
    this.#options = options;
  }

  /** Makes a token. Its text is returned once and kept nowhere. Fails with `HDL_ATTESTATION_TOKEN_REQUEST`. */
  async create(
    request: JoinTokenRequest,
  ): Promise<Result<{ readonly text: string; readonly record: JoinTokenRecord }>> {
    const ttlMs = request.ttlMs ?? JOIN_TOKEN_TTL_MS.default;
    const fault = requestFault(request.workloads, ttlMs);
    if (fault !== undefined) return failure(problem("HDL_ATTESTATION_TOKEN_REQUEST", fault));
    const room = await this.#makeRoom();
    if (!room.ok) return room;
    const id = Array.from(this.#options.random.bytes(8), (octet) => octet.toString(16).padStart(2, "0")).join("");
    const secret = encodeBase64Url(this.#options.random.bytes(32));
    const createdAtMs = this.#options.clock.nowMs();
    const { workloads, createdBy } = request;
    const times = { createdAtMs, expiresAtMs: createdAtMs + ttlMs };
    const record = { id, secretHash: hashOf(secret), workloads, ...times, createdBy, use: null };
    const text = encodeJoinToken({ server: request.server, rootHash: request.rootHash, id, secret });
    if (!parseJoinToken(text).ok)
      return failure(problem("HDL_ATTESTATION_TOKEN_REQUEST", "The server's address or root hash is malformed."));
    const stored = await this.#options.store.put(record);
    if (!stored.ok) return stored;
    this.#audit("token-created", record, createdBy);
    return success({ text, record });
  }

  /** Every token that is remembered: unused ones, and ended ones for a day. */
  list(): Promise<Result<readonly JoinTokenRecord[]>> {
    return this.#options.store.list();
  }

  /** Makes a token worthless. False when there is none of that id. */
  async revoke(id: string, actor: string): Promise<Result<boolean>> {
    const found = await this.#options.store.find(id);
    if (!found.ok) return found;
    const record = found.value;
    if (record === undefined) return success(false);
    const deleted = await this.#options.store.delete(id);
    if (deleted.ok && deleted.value) this.#audit("token-revoked", record, actor);
    return deleted;
  }

  /**
   * Uses up a token for one of its workloads. A refusal uses up nothing and is audited. Fails with
   * `HDL_ATTESTATION_TOKEN_MALFORMED`, `…_UNKNOWN` (no such token, or a wrong secret), `…_EXPIRED`, `…_USED` or `…_WORKLOAD`.
   */
  async attest(claim: JoinClaim): Promise<Result<JoinTokenRecord>> {
    const token = parseJoinToken(claim.joinToken);
    if (!token.ok) return token;
    const found = await this.#options.store.find(token.value.id);
    if (!found.ok) return found;
    const record = found.value;
    if (record === undefined || !matches(token.value.secret, record.secretHash)) {
      const message = `Join token ${token.value.id} is not known here.`;
      this.#auditRefusal("HDL_ATTESTATION_TOKEN_UNKNOWN", claim, token.value.id);
      return failure(problem("HDL_ATTESTATION_TOKEN_UNKNOWN", message));
    }
    const use = this.#describeUse(claim);
    const refusal = refusalOf(record, use);
    if (refusal !== undefined) return this.#refuse(refusal, claim, record);
    if (record.use !== null) return success(record);
    const used = await this.#options.store.use(record.id, use);
    if (!used.ok) return used;
    if (!used.value) return this.#refuse("HDL_ATTESTATION_TOKEN_USED", claim, record);
    this.#audit("token-used", { id: record.id, workloads: [nameOf(claim)] }, claim.peerAddress);
    return success({ ...record, use });
  }

  #describeUse(claim: JoinClaim): TokenUse {
    const keyHash = encodeBase64Url(sha256(claim.publicKeyInfo));
    return { ...nameOf(claim), atMs: this.#options.clock.nowMs(), peerAddress: claim.peerAddress, keyHash };
  }

  /** Forgets what ended long ago, and refuses when there is still too much. */
  async #makeRoom(): Promise<Result<void>> {
    const { store, clock } = this.#options;
    const listed = await store.list();
    if (!listed.ok) return listed;
    const forgotten = listed.value.filter((each) => each.expiresAtMs + MEMORY_MS < clock.nowMs());
    for (const each of forgotten) {
      const deleted = await store.delete(each.id);
      if (!deleted.ok) return deleted;
    }
    if (listed.value.length - forgotten.length < TOKEN_COUNT_MAX) return success(undefined);
    const message = `${TOKEN_COUNT_MAX} join tokens are held; revoke some or let them expire.`;
    return failure(problem("HDL_ATTESTATION_TOKEN_REQUEST", message));
  }

  #refuse(code: RefusalCode, claim: JoinClaim, record: JoinTokenRecord): Result<never> {
    this.#auditRefusal(code, claim, record.id);
    return failure(problem(code, refusalMessage(code, claim, record)));
  }

  #auditRefusal(code: ProblemCode, claim: JoinClaim, tokenId: string): void {
    const atMs = this.#options.clock.nowMs();
    const workloads = [nameOf(claim)];
    this.#options.audit({ kind: "token-refused", atMs, tokenId, actor: claim.peerAddress, workloads, code });
  }

  #audit(
    kind: JoinTokenAudit["kind"],
    about: { readonly id: string; readonly workloads: readonly WorkloadName[] },
    actor: string,
  ): void {
    const atMs = this.#options.clock.nowMs();
    this.#options.audit({ kind, atMs, tokenId: about.id, actor, workloads: about.workloads });
  }
}

type RefusalCode = "HDL_ATTESTATION_TOKEN_EXPIRED" | "HDL_ATTESTATION_TOKEN_USED" | "HDL_ATTESTATION_TOKEN_WORKLOAD";

/** Why a known token is not good for this use; a repeat by the same key for the same workload is not another use. */
function refusalOf(record: JoinTokenRecord, use: TokenUse): RefusalCode | undefined {
  const held = record.use;
  if (held !== null) {
    const isRepeat = held.keyHash === use.keyHash && isSame(held, use) && use.atMs - held.atMs <= REPEAT_MS;
    return isRepeat ? undefined : "HDL_ATTESTATION_TOKEN_USED";
  }
  if (use.atMs > record.expiresAtMs) return "HDL_ATTESTATION_TOKEN_EXPIRED";
  return record.workloads.some((each) => isSame(each, use)) ? undefined : "HDL_ATTESTATION_TOKEN_WORKLOAD";
}

function refusalMessage(code: RefusalCode, claim: JoinClaim, record: JoinTokenRecord): string {
  switch (code) {
    case "HDL_ATTESTATION_TOKEN_EXPIRED":
      return `Join token ${record.id} expired at ${new Date(record.expiresAtMs).toISOString()}.`;
    case "HDL_ATTESTATION_TOKEN_USED":
      return `Join token ${record.id} was used already.`;
    case "HDL_ATTESTATION_TOKEN_WORKLOAD": {
      const asked = JSON.stringify(`${claim.namespace}/${claim.serviceAccount}`.slice(0, 140));
      return `Join token ${record.id} was not made for ${asked}.`;
    }
  }
}

function requestFault(workloads: readonly WorkloadName[], ttlMs: number): string | undefined {
  if (workloads.length < 1 || workloads.length > WORKLOAD_COUNT_MAX)
    return `A join token is for 1 to ${WORKLOAD_COUNT_MAX} workloads, not ${workloads.length}.`;
  if (!(ttlMs >= JOIN_TOKEN_TTL_MS.min && ttlMs <= JOIN_TOKEN_TTL_MS.max))
    return "A join token lives from 5 seconds to 30 days.";
  for (const { namespace, serviceAccount } of workloads) {
    if (!DNS_LABEL.test(namespace) || !DNS_LABEL.test(serviceAccount))
      return `${JSON.stringify(`${namespace}/${serviceAccount}`)} is not a namespace and service account.`;
    if (namespace === "heddle-system" && serviceAccount === "heddle-server")
      return "The server's own identity cannot be joined as.";
  }
  return undefined;
}

function matches(secret: string, secretHash: string): boolean {
  const encoder = new TextEncoder();
  return equalConstantTime(encoder.encode(hashOf(secret)), encoder.encode(secretHash));
}

function hashOf(secret: string): string {
  return encodeBase64Url(sha256(secret));
}

function isSame(left: WorkloadName, right: WorkloadName): boolean {
  return left.namespace === right.namespace && left.serviceAccount === right.serviceAccount;
}

function nameOf({ namespace, serviceAccount }: WorkloadName): WorkloadName {
  return { namespace, serviceAccount };
}
