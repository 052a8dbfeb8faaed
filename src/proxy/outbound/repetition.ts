/** What is tried again when it failed, and after how long. */
import type { RouteRetry } from "#model";
import type { EndReason } from "#telemetry";
import { type FieldList, fieldValue } from "#wire/fields";
import { isIdempotent } from "../idempotent.ts";

/** How a try failed: by a reason of an agent's, or else by the app's own answer. */
export interface Failed {
  readonly reason: EndReason | undefined;
  /** Of the app's answer; 0 when there is none. */
  readonly status: number;
  /** Of an answer that is nothing but a head; else empty. */
  readonly fields: FieldList;
}

/** Ends that say that the app has seen nothing of the request. */
const UNTOUCHED: ReadonlySet<EndReason> = new Set<EndReason>([
  "upstream-connect-failure",
  "identity-mismatch",
  "app-unreachable",
  "draining",
  "overflow",
  "overload",
]);
/** Ends after which nobody knows how far the app came. */
const UNKNOWN: ReadonlySet<EndReason> = new Set<EndReason>(["upstream-connection-terminated", "upstream-reset"]);

/** gRPC's status by which a server says that the call may be made again. */
const GRPC_UNAVAILABLE = "14";

/** Whether the app has seen nothing of a request that ended so. */
export function isUntouched(reason: EndReason): boolean {
  return UNTOUCHED.has(reason);
}

/** Whether a request of this method may be tried again after such a failure; `retry` is what its route says. */
export function isRepeated(
  { reason, status, fields }: Failed,
  { method, retry }: { readonly method: string; readonly retry: RouteRetry | undefined },
): boolean {
  if (reason === undefined)
    return retry?.codes.includes(status) === true || fieldValue(fields, "grpc-status") === GRPC_UNAVAILABLE;
  if (UNTOUCHED.has(reason)) return true;
  // A try that took too long is repeated where the route says so: nobody knows what became of it.
  if (reason === "request-timeout") return retry !== undefined || isIdempotent(method);
  return UNKNOWN.has(reason) && isIdempotent(method);
}

/** Full jitter up to this before the first repetition to the same endpoint, twice as much before each further one. */
const BACKOFF_MS = 25;

/** Milliseconds before a try: none before the first, nor before one elsewhere unless the route says how long at least. */
export function backoffMs(
  repetition: number,
  { isSame, leastMs, drawn }: { readonly isSame: boolean; readonly leastMs: number; readonly drawn: number },
): number {
  if (repetition === 0) return 0;
  const growth = 2 ** (repetition - 1);
  return leastMs > 0 ? leastMs * growth * (1 + drawn / 2) : isSame ? BACKOFF_MS * growth * drawn : 0;
}
