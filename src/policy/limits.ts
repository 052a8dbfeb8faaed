/** Which limits a request counts towards. How many are left is not known here. */
import type { LimitKey, RateLimit, RateLimitPolicy } from "#model";
import { Clause } from "./clause.ts";
import type { RequestAttributes } from "./request.ts";
import { type PolicyRef, policyLabel } from "./rule-set.ts";

/** The limits of one policy. Plain data, so that they travel to an agent as they are. */
export interface LimitSet {
  readonly ref: PolicyRef;
  readonly limits: readonly RateLimit[];
}

export function lowerRateLimitPolicy({ metadata, spec }: RateLimitPolicy): LimitSet {
  return {
    ref: { kind: "RateLimitPolicy", namespace: metadata.namespace, name: metadata.name },
    limits: spec.limits,
  };
}

/** One limit, ready to be asked. Immutable. */
export interface CompiledLimit {
  /** `RateLimitPolicy/shop/calm#writes`: how answers and flows name it. */
  readonly label: string;
  /** Place in its policy. */
  readonly index: number;
  readonly by: LimitKey;
  readonly requests: number;
  readonly perMs: number;
  readonly burst: number;
  /** Equal for what is the same limit in another version of the configuration; no two have the same in one. */
  readonly identity: string;
  /** Whether it counts the request. */
  readonly matches: (request: RequestAttributes) => boolean;
}

/** The limits in force at one workload; undefined for none, so that nothing needs to be asked. */
export function compileLimits(sets: readonly LimitSet[]): readonly CompiledLimit[] | undefined {
  const seen = new Map<string, number>();
  const compiled = sets.flatMap(({ ref, limits }) =>
    limits.map((limit, index): CompiledLimit => {
      const { name, to, by, requests, perMs, burst } = limit;
      const content = JSON.stringify([policyLabel(ref), to, by, requests, perMs, burst]);
      const before = seen.get(content) ?? 0;
      seen.set(content, before + 1);
      const label = `${policyLabel(ref)}#${name}`;
      return { label, index, by, requests, perMs, burst, identity: `${before} ${content}`, matches: matcherOf(limit) };
    }),
  );
  return compiled.length === 0 ? undefined : compiled;
}

/** Operations are an OR, none counts everything. A connection without HTTP has no header to be counted by. */
function matcherOf({ to, by }: RateLimit): CompiledLimit["matches"] {
  const clauses = to.map((operation) => Clause.of({ operation }, "LIMIT"));
  const needsHttp = by.kind === "header";
  return (request) => {
    if (needsHttp && request.protocol === "tcp") return false;
    if (clauses.length === 0) return true;
    for (const clause of clauses) if (clause.matches(request)) return true;
    return false;
  };
}
