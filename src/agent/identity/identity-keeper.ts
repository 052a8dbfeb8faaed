import { generateSigningKey, type SigningKey, sha256Hex } from "#engine/crypto";
import type { Random } from "#engine/random";
import type { Clock, Timers } from "#engine/time";
import { decodePem, encodeCertificationRequest, type TlsIdentity } from "#identity";
import { parseJoinToken } from "#identity/attestation";
import { type Failure, failure, formatProblem, type ProblemCode, problem, type Result, success } from "#model";
import type { NodeProof } from "../node-attestation/node-proof.ts";
import { acceptGrant } from "./accept-grant.ts";
import { type Keep, loadIdentity, saveIdentity } from "./kept-identity.ts";
import type { IdentityService, SvidGrant } from "./service.ts";

export interface IdentityKeeperOptions {
  readonly workload: { readonly namespace: string; readonly serviceAccount: string; readonly instance: string };
  readonly service: IdentityService;
  /** The newest join token that was offered, or undefined. Asked at the start, and again whenever the SVID has expired. */
  readonly joinToken: () => Promise<string | undefined>;
  /** What the node can prove; asked where there is no token to try, and again whenever the SVID has expired. */
  readonly node?: NodeProof;
  /** With a folder, key and SVID are written there (0600). Default: memory only. */
  readonly keep?: Keep;
  readonly clock: Pick<Clock, "nowMs">;
  readonly timers: Pick<Timers, "sleep">;
  readonly random: Pick<Random, "next">;
  /** One line for people; never holds a secret. */
  readonly log: (line: string) => void;
  /** How long `start` tries while the server cannot be reached, milliseconds. Default 60 s. */
  readonly startTimeoutMs?: number;
}

export interface IdentityKeeperState {
  readonly notAfterMs: number;
  /** Renewals since the start. */
  readonly rotations: number;
  /** Attempts that failed since the last success. */
  readonly failures: number;
  /** The last failure, as one line; empty after a success. */
  readonly lastProblem: string;
}

/** Waits between attempts: doubled from the first to the longest, each shortened by up to half at random. */
const RETRY_FIRST_MS = 500;
const RETRY_LONGEST_MS = 30_000;
/** The longest sleep before the clock is looked at again: a laptop's sleep or a set clock is noticed within it. */
const LOOK_MS = 10_000;
/** Never more often than this, however short SVIDs live. */
const RENEW_SOONEST_MS = 1000;
/** How far the server's clock may be off before its answer is refused; certificates are dated back by less. */
const SKEW_MS = 300_000;
/** Over how long renewals are spread when the authority's key has changed. */
const HURRY_MS = 30_000;
const START_TIMEOUT_MS = 60_000;

/** No later attempt with the same token can succeed. */
const FINAL_CODES: ReadonlySet<ProblemCode> = new Set([
  "HDL_ATTESTATION_TOKEN_EXPIRED",
  "HDL_ATTESTATION_TOKEN_MALFORMED",
  "HDL_ATTESTATION_TOKEN_UNKNOWN",
  "HDL_ATTESTATION_TOKEN_USED",
  "HDL_ATTESTATION_TOKEN_WORKLOAD",
  "HDL_ENROLMENT_NAME",
  "HDL_ENROLMENT_SERVER_UNTRUSTED",
]);

/**
 * Holds one workload's identity: makes its key, enrols, and renews at about half of the SVID's life with a new key each time. While
 * the server is away it keeps trying, beyond expiry too; once expired it enrols anew by what its node proves, or as soon as a fresh join
 * token is offered.
 */
export class IdentityKeeper {
  readonly #options: IdentityKeeperOptions;
  readonly #listeners = new Set<(identity: TlsIdentity) => void>();
  readonly #stopping = new AbortController();
  #identity: TlsIdentity | undefined;
  #receivedAtMs = 0;
  #renewAtMs = 0;
  #rotations = 0;
  #failures = 0;
  #lastProblem = "";
  /** A token that was used or can never succeed is not tried again. */
  #spentToken = "";
  /** One key for all attempts with one token, so that a lost answer can be asked for again. */
  #joining: { readonly joinToken: string; readonly key: SigningKey } | undefined;
  #running: Promise<void> = Promise.resolve();
  /** The identity that is renewed before its time. */
  #hurried: TlsIdentity | undefined;
  /** Ends the sleep until the next renewal. */
  #nap = new AbortController();

  constructor(options: IdentityKeeperOptions) {
    this.#options = options;
  }

  /**
   * Loads a kept identity or enrols, trying again while the server cannot be reached, and from then on keeps the identity fresh
   * until `stop`. Fails with `HDL_AGENT_TOKEN_MISSING`, with the server's refusal of the token, or with the last problem when
   * `startTimeoutMs` has passed.
   */
  async start(): Promise<Result<TlsIdentity>> {
    const { clock, keep, workload } = this.#options;
    const nowMs = clock.nowMs();
    const kept = keep === undefined ? undefined : await loadIdentity(keep, { ...workload, nowMs });
    if (kept !== undefined) this.#take(kept);
    const first = kept === undefined ? await this.#enrolFirst() : success(kept);
    if (first.ok && !this.#stopping.signal.aborted) this.#running = this.#keepFresh();
    return first;
  }

  /** Tells the listener of every identity after the first; the returned function ends that. */
  onRotated(listener: (identity: TlsIdentity) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Renews soon although it is not yet due, because the authority signs by another key now. Spread out, so that a whole mesh does not ask at
   * once; asked again for the same identity it changes nothing.
   */
  hurry(): void {
    const { clock, random } = this.#options;
    if (this.#identity === undefined || this.#hurried === this.#identity) return;
    this.#hurried = this.#identity;
    const nowMs = clock.nowMs();
    const spreadMs = Math.min(HURRY_MS, Math.max(this.#identity.notAfterMs - nowMs, 0) / 10);
    this.#renewAtMs = Math.min(this.#renewAtMs, nowMs + spreadMs * random.next());
    this.#nap.abort();
  }

  /** Ends all attempts and waits for the one that is under way. The identity stays usable until it expires. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#listeners.clear();
    await this.#running;
  }

  /** The newest identity; undefined before the first. It may have expired. */
  get identity(): TlsIdentity | undefined {
    return this.#identity;
  }

  get state(): IdentityKeeperState {
    const notAfterMs = this.#identity?.notAfterMs ?? 0;
    return { notAfterMs, rotations: this.#rotations, failures: this.#failures, lastProblem: this.#lastProblem };
  }

  async #enrolFirst(): Promise<Result<TlsIdentity>> {
    const { clock, startTimeoutMs = START_TIMEOUT_MS } = this.#options;
    const startedAtMs = clock.nowMs();
    for (;;) {
      const enrolled = await this.#enrol();
      if (enrolled === undefined) return failure(problem("HDL_AGENT_TOKEN_MISSING", "No join token was given."));
      if (enrolled.ok || FINAL_CODES.has(enrolled.problems[0].code)) return enrolled;
      this.#failed(enrolled);
      const waitMs = this.#retryMs();
      if (this.#stopping.signal.aborted || clock.nowMs() + waitMs > startedAtMs + startTimeoutMs) return enrolled;
      await this.#sleep(waitMs);
    }
  }

  async #keepFresh(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const nowMs = this.#options.clock.nowMs();
      const isDue = nowMs >= this.#renewAtMs || nowMs < this.#receivedAtMs;
      if (!isDue) {
        await this.#rest(Math.min(this.#renewAtMs - nowMs, LOOK_MS));
        continue;
      }
      const renewed = await this.#refresh().catch(broken);
      if (this.#stopping.signal.aborted) return;
      if (renewed.ok) this.#announce(renewed.value);
      else {
        this.#failed(renewed);
        await this.#sleep(this.#retryMs());
      }
    }
  }

  /**
   * Renews; when that fails, because the SVID has expired, was revoked, or the server was founded anew, a fresh token is used if one was
   * offered, or else what the node proves.
   */
  async #refresh(): Promise<Result<TlsIdentity>> {
    const renewed = await this.#renew();
    return renewed.ok ? renewed : ((await this.#enrol()) ?? renewed);
  }

  async #renew(): Promise<Result<TlsIdentity>> {
    const identity = this.#identity;
    if (identity === undefined) return failure(problem("HDL_INTERNAL", "Nothing to renew."));
    const key = generateSigningKey();
    const call = { identity, instance: this.#options.workload.instance, csr: encodeCertificationRequest(key) };
    const granted = await this.#options.service.renew(call, this.#stopping.signal);
    return granted.ok ? this.#accept(granted.value, key, undefined) : granted;
  }

  /** Undefined when there is neither a token left to try nor anything to prove. */
  async #enrol(): Promise<Result<TlsIdentity> | undefined> {
    const { node } = this.#options;
    const byToken = await this.#enrolByToken();
    if (node === undefined || byToken?.ok === true) return byToken;
    return this.#attest(node);
  }

  async #attest(node: NodeProof): Promise<Result<TlsIdentity>> {
    const given = await node.serverRoots();
    if (!given.ok) return given;
    const { workload, service } = this.#options;
    const { namespace, serviceAccount, instance } = workload;
    const rootHashes = [...given.value, ...this.#heldAuthorities];
    const key = generateSigningKey();
    const csr = encodeCertificationRequest(key);
    const prove = node.prove.bind(node);
    const call = { rootHashes, namespace, serviceAccount, instance, csr, prove };
    const granted = await service.attest(call, this.#stopping.signal);
    return granted.ok ? this.#accept(granted.value, key, rootHashes) : granted;
  }

  /** The server is also known by what vouched for it last. */
  get #heldAuthorities(): readonly string[] {
    const held = this.#identity?.authoritiesPem ?? [];
    return held.flatMap((pem) => decodePem("CERTIFICATE", pem)).map((der) => sha256Hex(der));
  }

  /** Undefined when there is no token left to try. */
  async #enrolByToken(): Promise<Result<TlsIdentity> | undefined> {
    const joinToken = (await this.#options.joinToken())?.trim() ?? "";
    if (joinToken === "" || joinToken === this.#spentToken) return undefined;
    const token = parseJoinToken(joinToken);
    if (!token.ok) return token;
    if (this.#joining?.joinToken !== joinToken) this.#joining = { joinToken, key: generateSigningKey() };
    const { key } = this.#joining;
    const { workload, service } = this.#options;
    const call = { token: token.value, joinToken, ...workload, csr: encodeCertificationRequest(key) };
    const granted = await service.enrol(call, this.#stopping.signal);
    const enrolled = granted.ok ? await this.#accept(granted.value, key, [token.value.rootHash]) : granted;
    if (enrolled.ok || FINAL_CODES.has(enrolled.problems[0].code)) {
      this.#spentToken = joinToken;
      this.#joining = undefined;
    }
    return enrolled;
  }

  async #accept(
    grant: SvidGrant,
    key: SigningKey,
    rootHashes: readonly string[] | undefined,
  ): Promise<Result<TlsIdentity>> {
    const { workload, clock, keep } = this.#options;
    const accepted = acceptGrant(grant, { ...workload, key, nowMs: clock.nowMs(), skewMs: SKEW_MS, rootHashes });
    if (!accepted.ok) return accepted;
    this.#take(accepted.value);
    const saved = keep === undefined ? success(undefined) : await saveIdentity(keep, accepted.value);
    if (!saved.ok) this.#options.log(formatProblem(saved.problems[0]));
    return accepted;
  }

  #take(identity: TlsIdentity): void {
    this.#identity = identity;
    this.#receivedAtMs = this.#options.clock.nowMs();
    const share = 0.45 + 0.1 * this.#options.random.next();
    const waitMs = Math.max((identity.notAfterMs - this.#receivedAtMs) * share, RENEW_SOONEST_MS);
    this.#renewAtMs = this.#receivedAtMs + waitMs;
    this.#failures = 0;
    this.#lastProblem = "";
  }

  #announce(identity: TlsIdentity): void {
    this.#rotations++;
    for (const listener of this.#listeners) {
      try {
        listener(identity);
      } catch (cause) {
        // One part that fails must not keep the others, or later renewals, from the new identity.
        this.#options.log(formatProblem(broken(cause).problems[0]));
      }
    }
  }

  #failed(result: Failure): void {
    this.#failures++;
    this.#lastProblem = formatProblem(result.problems[0]);
    // The first says that something is wrong, every eighth that it still is.
    if (this.#failures % 8 === 1) this.#options.log(this.#lastProblem);
  }

  #retryMs(): number {
    const longestMs = Math.min(RETRY_FIRST_MS * 2 ** Math.min(this.#failures - 1, 10), RETRY_LONGEST_MS);
    return longestMs * (0.5 + 0.5 * this.#options.random.next());
  }

  /** A sleep that `hurry` ends. */
  async #rest(ms: number): Promise<void> {
    this.#nap = new AbortController();
    await this.#options.timers.sleep(ms, AbortSignal.any([this.#stopping.signal, this.#nap.signal]));
  }

  #sleep(ms: number): Promise<void> {
    return this.#options.timers.sleep(ms, this.#stopping.signal);
  }
}

/** Renewal goes on whatever breaks: an agent without it ends with its certificate. */
function broken(cause: unknown): Failure {
  const why = cause instanceof Error ? cause.message : String(cause);
  return failure(problem("HDL_INTERNAL", `Renewing the identity met an exception: ${why}.`, { cause }));
}
