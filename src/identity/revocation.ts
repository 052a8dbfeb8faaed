/**
 * What is refused although an authority of its trust domain signed it. Each holds until what it speaks of would have expired anyway, so
 * that the set stays as small as the time that certificates live.
 */
export type Revocation =
  /** Every SVID of an identity that was issued until a moment; what it is issued later is good. */
  | {
      readonly kind: "identity";
      /** URI of the SPIFFE ID. */
      readonly spiffeId: string;
      /** Latest `notBefore` that is refused, milliseconds since the epoch. */
      readonly notBeforeUntilMs: number;
      readonly expiresAtMs: number;
    }
  /** One certificate: that of one replica. */
  | {
      readonly kind: "certificate";
      /** As `CertificateFacts.serial`. */
      readonly serial: string;
      readonly expiresAtMs: number;
    };

/** How far an X.509-SVID's start is dated back, so that a peer whose clock is a little slow accepts it at once. */
export const BACKDATE_MS = 30_000;

/** Revocations that a bundle may hold. */
export const REVOCATIONS_MAX = 4096;

/** What of an SVID decides whether it is revoked. */
export interface RevocableSvid {
  /** URI of its SPIFFE ID. */
  readonly uri: string;
  readonly serial: string;
  readonly notBeforeMs: number;
}

interface Index {
  readonly serials: ReadonlySet<string>;
  readonly identities: ReadonlyMap<string, number>;
}

const indexes = new WeakMap<readonly Revocation[], Index>();

/** Whether an SVID is revoked. Two look-ups, however many revocations there are. */
export function isRevoked(svid: RevocableSvid, revocations: readonly Revocation[] = []): boolean {
  if (revocations.length === 0) return false;
  const { serials, identities } = indexOf(revocations);
  return serials.has(svid.serial) || svid.notBeforeMs <= (identities.get(svid.uri) ?? Number.NEGATIVE_INFINITY);
}

/** Lower-case hexadecimal without leading zero octets, as `CertificateFacts.serial` is. */
export function plainSerial(serial: string): string {
  return serial.toLowerCase().replace(/^(?:00)+(?=..)/, "");
}

function indexOf(revocations: readonly Revocation[]): Index {
  const held = indexes.get(revocations);
  if (held !== undefined) return held;
  const serials = new Set<string>();
  const identities = new Map<string, number>();
  for (const each of revocations) {
    if (each.kind === "certificate") serials.add(each.serial);
    else identities.set(each.spiffeId, Math.max(each.notBeforeUntilMs, identities.get(each.spiffeId) ?? -8.64e15));
  }
  const index = { serials, identities };
  indexes.set(revocations, index);
  return index;
}
