import type { Random } from "#engine/random";
import type { Clock } from "#engine/time";
import { failure, problem, type Result, success } from "#model";

/** A minute is more than an agent needs to sign, or to ask its cloud. */
const LIFE_MS = 60_000;
const NONCE_BYTES = 32;

/**
 * Nonces that evidence must be fresh by. Each is good once, on the connection that asked for it, for a minute; there is one a connection, and it
 * goes with it, so that strangers cannot fill memory or push out another's.
 */
export class Challenges {
  readonly #clock: Pick<Clock, "nowUs">;
  readonly #random: Pick<Random, "bytes">;
  readonly #given = new WeakMap<object, { readonly nonce: Uint8Array; readonly untilUs: number }>();

  constructor(by: { readonly clock: Pick<Clock, "nowUs">; readonly random: Pick<Random, "bytes"> }) {
    this.#clock = by.clock;
    this.#random = by.random;
  }

  give(connection: object): Uint8Array {
    const nonce = this.#random.bytes(NONCE_BYTES);
    this.#given.set(connection, { nonce, untilUs: this.#clock.nowUs() + LIFE_MS * 1000 });
    return nonce;
  }

  /** Uses it up. Fails with `HDL_ATTESTATION_CHALLENGE` where there is none, or none any more. */
  take(connection: object): Result<Uint8Array> {
    const given = this.#given.get(connection);
    this.#given.delete(connection);
    if (given !== undefined && this.#clock.nowUs() <= given.untilUs) return success(given.nonce);
    return failure(problem("HDL_ATTESTATION_CHALLENGE", "Evidence came without a fresh nonce of this connection."));
  }
}
