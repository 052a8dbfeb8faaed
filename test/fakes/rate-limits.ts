import type { AuthorizationOperation, RateLimit } from "#model";
import { type LimitSet, operationMatch } from "#policy";

/** What limits count, by what differs from everything. */
export function operations(...changes: Partial<AuthorizationOperation>[]): Pick<RateLimit, "to"> {
  return { to: changes.map(operationMatch) };
}

/** Ten a second for all callers together, but for what is said. */
export function rateLimit(change: Partial<RateLimit> = {}): RateLimit {
  return { name: "all", to: [], by: { kind: "workload" }, requests: 10, perMs: 1000, burst: 10, ...change };
}

/** `RateLimitPolicy/shop/calm`. */
export function limitSet(...limits: Partial<RateLimit>[]): LimitSet {
  return { ref: { kind: "RateLimitPolicy", namespace: "shop", name: "calm" }, limits: limits.map(rateLimit) };
}
