/**
 * Rule sets compiled for lookup: made when the configuration changes, so that a request only looks up.
 *
 * A rule becomes clauses, one for each pair of source and operation. Each clause is filed under its most telling exact attribute,
 * so that of ten thousand policies a request meets only those that speak of its caller, path or method, and the few that speak of
 * everything.
 */
import { Clause, type ClauseField } from "./clause.ts";
import { canonicalPath, isAmbiguous } from "./path.ts";
import type { RequestAttributes } from "./request.ts";
import type { OperationMatch, PolicyRef, Rule, RuleSet, SourceMatch } from "./rule-set.ts";
import { policyLabel } from "./rule-set.ts";
import { isExact } from "./strings.ts";

/** What was decided, and who decided it. Made once a rule and shared by all requests. */
export interface Decision {
  readonly verdict: "allow" | "deny";
  readonly reason: "deny-rule" | "allow-rule" | "no-allow-policy" | "default-deny";
  /** The deciding policy; undefined when none decided. */
  readonly policy: PolicyRef | undefined;
  /** Index of the deciding rule, or -1. */
  readonly rule: number;
  /** For logs, flows and answers: the policy, or what decided instead. */
  readonly label: string;
}

export interface CompiledClause {
  readonly clause: Clause;
  readonly decision: Decision;
  /** Position in the order of evaluation: of several that match, the first is named. */
  readonly order: number;
}

export const NO_ALLOW_POLICY: Decision = {
  verdict: "allow",
  reason: "no-allow-policy",
  policy: undefined,
  rule: -1,
  label: "no-allow-policy",
};

type Bucket = ReadonlyMap<string, readonly CompiledClause[]>;

/** The clauses of one action. */
export class ClauseTable {
  readonly #principals: Bucket;
  readonly #namespaces: Bucket;
  readonly #paths: Bucket;
  readonly #rest: readonly CompiledClause[];
  readonly all: readonly CompiledClause[];

  constructor(filed: FiledClauses) {
    this.#principals = filed.principals;
    this.#namespaces = filed.namespaces;
    this.#paths = filed.paths;
    this.#rest = filed.rest;
    this.all = filed.all;
  }

  /** The first clause in order that matches. */
  find(request: RequestAttributes): CompiledClause | undefined {
    let best = earliest(undefined, this.#principals.get(request.principal), request);
    best = earliest(best, this.#namespaces.get(request.namespace), request);
    if (this.#paths.size > 0) best = this.#findByPath(best, request);
    return earliest(best, this.#rest, request);
  }

  #findByPath(best: CompiledClause | undefined, request: RequestAttributes): CompiledClause | undefined {
    // Without HTTP a path condition always matches to deny: every clause filed by path is a candidate.
    if (request.protocol === "tcp") return earliest(best, this.all, request);
    const found = earliest(best, this.#paths.get(request.path), request);
    if (!isAmbiguous(request.path)) return found;
    return earliest(found, this.#paths.get(canonicalPath(request.path)), request);
  }
}

function earliest(
  best: CompiledClause | undefined,
  candidates: readonly CompiledClause[] | undefined,
  request: RequestAttributes,
): CompiledClause | undefined {
  if (candidates === undefined) return best;
  for (const candidate of candidates) {
    if (best !== undefined && best.order <= candidate.order) return best;
    if (candidate.clause.matches(request)) return candidate;
  }
  return best;
}

interface FiledClauses {
  readonly principals: Map<string, CompiledClause[]>;
  readonly namespaces: Map<string, CompiledClause[]>;
  readonly paths: Map<string, CompiledClause[]>;
  readonly rest: CompiledClause[];
  readonly all: CompiledClause[];
}

/** All policies in force at one workload. Immutable. */
export interface CompiledPolicy {
  readonly deny: ClauseTable;
  readonly allow: ClauseTable;
  /** The decision when no rule matched. */
  readonly otherwise: Decision;
}

export function compilePolicy(ruleSets: readonly RuleSet[]): CompiledPolicy {
  const allows = ruleSets.filter((ruleSet) => ruleSet.action === "ALLOW");
  return {
    deny: compileTable(ruleSets.filter((ruleSet) => ruleSet.action === "DENY")),
    allow: compileTable(allows),
    otherwise: allows.length === 0 ? NO_ALLOW_POLICY : defaultDeny(allows),
  };
}

const NAMED_POLICIES_MAX = 3;

/** Names the ALLOW policies that the caller did not meet: they are why everything else is denied. */
function defaultDeny(allows: readonly RuleSet[]): Decision {
  const named = allows.slice(0, NAMED_POLICIES_MAX).map(({ ref }) => policyLabel(ref));
  const more = allows.length - named.length;
  const unmet = `${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  return {
    verdict: "deny",
    reason: "default-deny",
    policy: allows[0]?.ref,
    rule: -1,
    label: `default-deny: no rule of ${unmet} matched`,
  };
}

function compileTable(ruleSets: readonly RuleSet[]): ClauseTable {
  const filed: FiledClauses = { principals: new Map(), namespaces: new Map(), paths: new Map(), rest: [], all: [] };
  for (const { ref, action, rules } of ruleSets) {
    rules.forEach((rule, index) => {
      const decision = decisionOf(ref, action, index);
      for (const [source, operation] of pairs(rule)) {
        const compiled = { clause: Clause.of(source, operation, action), decision, order: filed.all.length };
        filed.all.push(compiled);
        file(filed, compiled, { source, operation });
      }
    });
  }
  return new ClauseTable(filed);
}

function decisionOf(ref: PolicyRef, action: "ALLOW" | "DENY", rule: number): Decision {
  const label = policyLabel(ref);
  return action === "ALLOW"
    ? { verdict: "allow", reason: "allow-rule", policy: ref, rule, label }
    : { verdict: "deny", reason: "deny-rule", policy: ref, rule, label };
}

function* pairs({ from, to }: Rule): Generator<readonly [SourceMatch | undefined, OperationMatch | undefined]> {
  for (const source of from.length === 0 ? [undefined] : from) {
    for (const operation of to.length === 0 ? [undefined] : to) yield [source, operation];
  }
}

interface ClauseParts {
  readonly source: SourceMatch | undefined;
  readonly operation: OperationMatch | undefined;
}

/**
 * Files a clause where a request that can match it is sure to look. Who looks under its own principal or namespace has met that
 * condition; a path is looked up in each of its readings, and is still compared.
 */
function file(filed: FiledClauses, compiled: CompiledClause, { source, operation }: ClauseParts): void {
  const candidates: readonly [Map<string, CompiledClause[]>, readonly string[], ClauseField | undefined][] = [
    [filed.principals, source?.principals ?? [], "principals"],
    [filed.namespaces, source?.namespaces ?? [], "namespaces"],
    [filed.paths, operation?.paths ?? [], undefined],
  ];
  for (const [bucket, patterns, met] of candidates) {
    if (patterns.length === 0 || !patterns.every(isExact)) continue;
    const entry = met === undefined ? compiled : { ...compiled, clause: compiled.clause.without(met) };
    for (const pattern of new Set(patterns)) append(bucket, pattern, entry);
    return;
  }
  filed.rest.push(compiled);
}

function append(bucket: Map<string, CompiledClause[]>, key: string, compiled: CompiledClause): void {
  const list = bucket.get(key);
  if (list === undefined) bucket.set(key, [compiled]);
  else list.push(compiled);
}
