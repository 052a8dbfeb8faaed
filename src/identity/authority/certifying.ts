/** Who vouches for issuing keys: roots of the domain's own, or an authority above it. */
import type { SigningKey } from "#engine/crypto";
import type { Clock } from "#engine/time";
import { firstCertificate, type TrustDomain } from "#identity";
import { failure, problem, type Result, success } from "#model";
import type { Signer } from "./issuing.ts";
import { FIRST_ROOT, type RootSlot } from "./journal.ts";
import type { OwnRoots } from "./own-roots.ts";
import { certifyUpstream, type UpstreamAuthority } from "./upstream.ts";

export interface CertifierOptions {
  readonly trustDomain: TrustDomain;
  readonly ownRoots: OwnRoots;
  readonly upstream: UpstreamAuthority | undefined;
  readonly clock: Pick<Clock, "nowMs">;
}

/** The certificate of an issuing key with those of authorities between it and the root, DER, and the root. */
export interface CertifiedKey {
  readonly chain: readonly [Uint8Array, ...Uint8Array[]];
  readonly root: Uint8Array;
}

const ISSUING_LIFE_MS = 365 * 86_400_000;
/** The one in use, and the one before or after it. */
export const ROOT_COUNT_MAX = 2;

export class Certifier {
  readonly #options: CertifierOptions;

  constructor(options: CertifierOptions) {
    this.#options = options;
  }

  /** Certifies by the newest of the roots, or has it done above. */
  async certify(
    request: { readonly key: SigningKey; readonly name: Signer["name"] },
    roots: readonly RootSlot[],
  ): Promise<Result<CertifiedKey>> {
    const { upstream, ownRoots, clock, trustDomain } = this.#options;
    if (upstream !== undefined) {
      const signed = await certifyUpstream(upstream, request, { trustDomain, nowMs: clock.nowMs() });
      if (!signed.ok) return signed;
      const { certificate, intermediates = [], root } = signed.value;
      return success({ chain: [certificate, ...intermediates], root });
    }
    const newest = roots.at(-1);
    const root = { id: newest?.id ?? FIRST_ROOT, der: firstCertificate(newest?.certificate ?? "") };
    const certificate = await ownRoots.certify(root, { ...request, lifeMs: ISSUING_LIFE_MS });
    return certificate.ok ? success({ chain: [certificate.value], root: root.der }) : certificate;
  }

  /** Whether the root should be replaced with the key below it: it would not outlive that one's successor. */
  isRootDue(root: { readonly notAfterMs: number }): boolean {
    return root.notAfterMs - this.#options.clock.nowMs() < 2 * ISSUING_LIFE_MS;
  }
}

export function tooManyRoots(): Result<never> {
  return failure(problem("HDL_AUTHORITY_SLOT", `${ROOT_COUNT_MAX} roots are held already.`));
}
