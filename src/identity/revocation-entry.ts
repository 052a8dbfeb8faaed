/** Revocations as a bundle document carries them to other trust domains: `heddle_revocations`, a list of what this file defines. */
import { plainSerial, REVOCATIONS_MAX, type Revocation } from "./revocation.ts";
import { parseSpiffeId, type TrustDomain } from "./spiffe-id.ts";

/** Exactly one of `spiffe_id` and `serial` says what is meant. Times are milliseconds since the epoch. */
export type RevocationEntry =
  | { readonly spiffe_id: string; readonly not_before_until_ms: number; readonly expires_at_ms: number }
  | { readonly serial: string; readonly expires_at_ms: number };

/** RFC 5280 §4.1.2.2: at most 20 octets. */
const SERIAL = /^[0-9a-f]{1,40}$/;

export function revocationEntry(revocation: Revocation): RevocationEntry {
  const { expiresAtMs: expires_at_ms } = revocation;
  if (revocation.kind === "certificate") return { serial: revocation.serial, expires_at_ms };
  return { spiffe_id: revocation.spiffeId, not_before_until_ms: revocation.notBeforeUntilMs, expires_at_ms };
}

/**
 * Reads the list; absent, nothing is revoked. A text says why it cannot be used: passing over an entry would let in whom it revokes. A domain
 * revokes its own identities and no others'.
 */
export function parseRevocationEntries(value: unknown, trustDomain: TrustDomain): readonly Revocation[] | string {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return "its `heddle_revocations` are no list";
  if (value.length > REVOCATIONS_MAX) return `it revokes more than ${REVOCATIONS_MAX}`;
  const revocations: Revocation[] = [];
  for (const entry of value as readonly unknown[]) {
    const revocation = revocationOf(entry, trustDomain);
    if (revocation === undefined) return `one of its revocations is not understood or not of ${trustDomain}`;
    revocations.push(revocation);
  }
  return revocations;
}

function revocationOf(entry: unknown, trustDomain: TrustDomain): Revocation | undefined {
  const fields = new Map<string, unknown>(typeof entry === "object" && entry !== null ? Object.entries(entry) : []);
  const [spiffeId, serial] = [fields.get("spiffe_id"), fields.get("serial")];
  const [notBeforeUntilMs, expiresAtMs] = [fields.get("not_before_until_ms"), fields.get("expires_at_ms")];
  if (!isTime(expiresAtMs)) return undefined;
  if (typeof serial === "string" && spiffeId === undefined)
    return SERIAL.test(serial) ? { kind: "certificate", serial: plainSerial(serial), expiresAtMs } : undefined;
  const id = parseSpiffeId(typeof spiffeId === "string" ? spiffeId : "");
  if (serial !== undefined || !id.ok || id.value.trustDomain !== trustDomain || !isTime(notBeforeUntilMs))
    return undefined;
  return { kind: "identity", spiffeId: id.value.uri, notBeforeUntilMs, expiresAtMs };
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
