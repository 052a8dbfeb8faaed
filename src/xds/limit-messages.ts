/** Rate limits as they travel. What is not known here is refused: a limit without one of its conditions would be another. */
import type { LimitKey, RateLimit } from "#model";
import type { LimitSet } from "#policy";
import type { RateLimitSetMessage } from "#proto";
import { plain } from "./plain.ts";
import { hasUnknown } from "./unknown-fields.ts";

type LimitMessage = RateLimitSetMessage["limits"][number];

export function limitsMessage({ ref, limits }: LimitSet) {
  return {
    ...ref,
    limits: limits.map(({ to, by, ...rest }) => ({
      ...rest,
      to: to.map((operation) => plain(operation) as LimitMessage["to"][number]),
      by,
    })),
  };
}

const LIMITS_MAX = 64;

/** The value, or what is wrong with it. */
export function limitsOf(message: RateLimitSetMessage): LimitSet | string {
  const { kind, namespace, name, limits } = message;
  const what = `${kind}/${namespace}/${name}`;
  if (hasUnknown(message)) return `${what} says what is not known here`;
  if (limits.length > LIMITS_MAX) return `${what} has too many limits`;
  const found: RateLimit[] = [];
  for (const each of limits) {
    const limit = limitOf(each);
    if (typeof limit === "string") return `${what}: limit ${each.name} ${limit}`;
    found.push(limit);
  }
  return { ref: { kind, namespace, name }, limits: found };
}

function limitOf({ name, to, by, requests, perMs, burst }: LimitMessage): RateLimit | string {
  const key = keyOf(by);
  if (key === undefined) return "is counted by what is not known here";
  const nought = Object.entries({ requests, perMs, burst }).find(([, number]) => number < 1);
  if (nought !== undefined) return `has no ${nought[0]}`;
  return { name, to: to.map(plain) as unknown as RateLimit["to"], by: key, requests, perMs, burst };
}

function keyOf(by: LimitMessage["by"]): LimitKey | undefined {
  if (by?.kind === "workload" || by?.kind === "caller") return { kind: by.kind };
  if (by?.kind !== "header" || by.name === undefined || by.name === "") return undefined;
  return { kind: "header", name: by.name };
}
