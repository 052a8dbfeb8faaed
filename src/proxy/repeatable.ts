/** What may be asked again when it failed. */
import type { EndReason } from "#telemetry";

/** Methods whose repetition does no harm (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}

/** Ends that say that the app has seen nothing of the request. */
const UNTOUCHED: ReadonlySet<EndReason> = new Set<EndReason>([
  "upstream-connect-failure",
  "identity-mismatch",
  "app-unreachable",
  "draining",
  "overflow",
]);
/** Ends after which nobody knows how far the app came. */
const UNKNOWN: ReadonlySet<EndReason> = new Set<EndReason>(["upstream-connection-terminated", "upstream-reset"]);

/** Whether a request of this method may be sent again after such an end. */
export function mayRepeat(method: string, reason: EndReason): boolean {
  return UNTOUCHED.has(reason) || (UNKNOWN.has(reason) && isIdempotent(method));
}
