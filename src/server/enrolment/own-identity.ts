import { generateSigningKey } from "#engine/crypto";
import type { Random } from "#engine/random";
import type { Cancel, Clock, Timers } from "#engine/time";
import { encodeCertificationRequest, encodePem, serverSpiffeId, type TlsIdentity } from "#identity";
import type { Authority } from "#identity/authority";
import { type Failure, type Result, success } from "#model";

export interface OwnIdentityOptions {
  readonly authority: Pick<Authority, "trustDomain" | "bundle" | "issue" | "root">;
  readonly clock: Pick<Clock, "nowMs">;
  readonly timers: Pick<Timers, "every">;
  readonly random: Pick<Random, "next">;
  /** Told of each new identity; the listener lets new connections take it. */
  readonly onRotated: (identity: TlsIdentity) => void;
  /** Told when issuing failed; it is tried again within `CHECK_MS`. */
  readonly onFailure: (failed: Failure) => void;
}

/** The server's SVIDs do not follow `svidTtlMs`: agents must be able to reach it even when that is seconds. */
const TTL_MS = 3_600_000;
/** A timer of half a life would be wrong after a sleep or a change of the clock; looking often is not. */
const CHECK_MS = 10_000;

/**
 * The server's own SVID for its listener for agents. Its key is made here and stays in memory. The chain holds the root too, so
 * that a joining agent, which knows only the root's hash, can follow it to its end.
 */
export class OwnIdentity {
  readonly #options: OwnIdentityOptions;
  #cancel: Cancel | undefined;
  #renewAtMs = 0;
  #issuedAtMs = 0;

  constructor(options: OwnIdentityOptions) {
    this.#options = options;
  }

  /** Issues the first identity and keeps renewing it at about half of its life until `stop`. */
  start(): Result<TlsIdentity> {
    const first = this.#issue();
    if (first.ok) this.#cancel = this.#options.timers.every(CHECK_MS, () => this.#renewIfDue());
    return first;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #renewIfDue(): void {
    const nowMs = this.#options.clock.nowMs();
    // A clock that was set back would otherwise stop renewal for as long as it jumped.
    if (nowMs >= this.#issuedAtMs && nowMs < this.#renewAtMs) return;
    this.renew();
  }

  /** Renews now: by another key than the one before, when that one is about to go. */
  renew(): void {
    const renewed = this.#issue();
    if (renewed.ok) this.#options.onRotated(renewed.value);
    else this.#options.onFailure(renewed);
  }

  #issue(): Result<TlsIdentity> {
    const { authority, clock, random } = this.#options;
    const key = generateSigningKey();
    const spiffeId = serverSpiffeId(authority.trustDomain);
    const issued = authority.issue(encodeCertificationRequest(key), { spiffeId, ttlMs: TTL_MS, isOwn: true });
    if (!issued.ok) return issued;
    const { chain, notBeforeMs, notAfterMs } = issued.value;
    this.#issuedAtMs = clock.nowMs();
    this.#renewAtMs = this.#issuedAtMs + (notAfterMs - this.#issuedAtMs) * (0.45 + 0.1 * random.next());
    return success({
      spiffeId,
      certificateChainPem: [...chain, authority.root].map((der) => encodePem("CERTIFICATE", der)).join(""),
      privateKeyPem: encodePem("PRIVATE KEY", key.exportPkcs8()),
      authoritiesPem: authority.bundle.authorities.map((der) => encodePem("CERTIFICATE", der)),
      notBeforeMs,
      notAfterMs,
    });
  }
}
