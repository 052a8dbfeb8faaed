/**
 * The clauses of one action, filed for lookup.
 *
 * A rule becomes clauses, one for each pair of source and operation. Each is filed under its most telling exact attribute, so that of ten
 * thousand policies a request meets only those that speak of its caller or path, and the few that speak of everything.
 */
import { Clause, type ClauseParts, type ClausePurpose } from "./clause.ts";
import type { ClauseField } from "./conditions.ts";
import { canonicalPath, isAmbiguous } from "./path.ts";
import type { RequestAttributes } from "./request.ts";
import type { PolicyRef, Rule, RuleSet } from "./rule-set.ts";
import { isExact, isTemplate } from "./strings.ts";

/** What is found by matching a clause; made once a rule. */
export interface CompiledClause<Outcome> {
  readonly clause: Clause;
  readonly policy: PolicyRef;
  /** Index of its rule in the policy. */
  readonly rule: number;
  readonly outcome: Outcome;
  /** Position in the order of evaluation: of several that match, the first is named. */
  readonly order: number;
}

/** Clauses that can be asked for the first that matches. */
export interface Clauses<Outcome> {
  /** In the order of evaluation. */
  readonly all: readonly CompiledClause<Outcome>[];
  /** The first clause in order that matches. */
  find(request: RequestAttributes): CompiledClause<Outcome> | undefined;
}

type Bucket<Outcome> = Map<string, CompiledClause<Outcome>[]>;

export class ClauseTable<Outcome> implements Clauses<Outcome> {
  readonly #principals: Bucket<Outcome> = new Map();
  readonly #serviceAccounts: Bucket<Outcome> = new Map();
  readonly #namespaces: Bucket<Outcome> = new Map();
  readonly #paths: Bucket<Outcome> = new Map();
  /** Every clause that is filed by path. */
  readonly #byPath: CompiledClause<Outcome>[] = [];
  readonly #rest: CompiledClause<Outcome>[] = [];
  readonly #all: CompiledClause<Outcome>[] = [];

  constructor(
    ruleSets: readonly RuleSet[],
    purpose: ClausePurpose,
    outcomeOf: (ruleSet: RuleSet, rule: Rule, unenforceable: string) => Outcome,
  ) {
    for (const ruleSet of ruleSets) {
      for (const rule of ruleSet.rules) {
        for (const parts of pairs(rule)) {
          const clause = Clause.of(parts, purpose);
          const outcome = outcomeOf(ruleSet, rule, clause.unenforceable);
          this.#file({ clause, policy: ruleSet.ref, rule: rule.index, outcome, order: this.#all.length }, parts);
        }
      }
    }
  }

  get all(): readonly CompiledClause<Outcome>[] {
    return this.#all;
  }

  find(request: RequestAttributes): CompiledClause<Outcome> | undefined {
    let best = earliest(undefined, this.#principals.get(request.principal), request);
    if (this.#serviceAccounts.size > 0)
      best = earliest(best, this.#serviceAccounts.get(request.serviceAccount), request);
    best = earliest(best, this.#namespaces.get(request.namespace), request);
    if (this.#paths.size > 0) best = this.#findByPath(best, request);
    return earliest(best, this.#rest, request);
  }

  #findByPath(
    best: CompiledClause<Outcome> | undefined,
    request: RequestAttributes,
  ): CompiledClause<Outcome> | undefined {
    // Without HTTP a path condition always matches to deny: every clause filed by path is a candidate.
    if (request.protocol === "tcp") return earliest(best, this.#byPath, request);
    // Of a path that is not known whole, any may be the one.
    if (request.unknowns !== undefined && !request.unknowns.isKnown("request.path"))
      return earliest(best, this.#byPath, request);
    const found = earliest(best, this.#paths.get(request.path), request);
    if (!isAmbiguous(request.path)) return found;
    return earliest(found, this.#paths.get(canonicalPath(request.path)), request);
  }

  /**
   * Files a clause where a request that can match it is sure to look. Who looks under its own principal or namespace has met that
   * condition; a path is looked up in each of its readings, and is still compared.
   */
  #file(compiled: CompiledClause<Outcome>, { source, operation }: ClauseParts): void {
    this.#all.push(compiled);
    const candidates: readonly [Bucket<Outcome>, readonly string[], ClauseField | undefined][] = [
      [this.#principals, source?.principals ?? [], "principals"],
      [this.#serviceAccounts, source?.serviceAccounts ?? [], "serviceAccounts"],
      [this.#namespaces, source?.namespaces ?? [], "namespaces"],
      [this.#paths, operation?.paths ?? [], undefined],
    ];
    const isKnown = compiled.clause.unenforceable === "";
    const filed = isKnown ? candidates.find((each) => isFiledBy(each, compiled)) : undefined;
    if (filed === undefined) this.#rest.push(compiled);
    else if (filed[0] === this.#paths) this.#byPath.push(compiled);
  }
}

function isFiledBy<Outcome>(
  [bucket, patterns, met]: readonly [Bucket<Outcome>, readonly string[], ClauseField | undefined],
  compiled: CompiledClause<Outcome>,
): boolean {
  if (patterns.length === 0 || !patterns.every(isPlain)) return false;
  const entry = met === undefined ? compiled : { ...compiled, clause: compiled.clause.without(met) };
  for (const pattern of new Set(patterns)) {
    const list = bucket.get(pattern);
    if (list === undefined) bucket.set(pattern, [entry]);
    else list.push(entry);
  }
  return true;
}

function isPlain(pattern: string): boolean {
  return isExact(pattern) && !isTemplate(pattern);
}

function earliest<Outcome>(
  best: CompiledClause<Outcome> | undefined,
  candidates: readonly CompiledClause<Outcome>[] | undefined,
  request: RequestAttributes,
): CompiledClause<Outcome> | undefined {
  if (candidates === undefined) return best;
  for (const candidate of candidates) {
    if (best !== undefined && best.order <= candidate.order) return best;
    if (candidate.clause.matches(request)) return candidate;
  }
  return best;
}

function* pairs({ from, to, when, expression, unenforceable }: Rule): Generator<ClauseParts> {
  for (const source of from.length === 0 ? [undefined] : from) {
    for (const operation of to.length === 0 ? [undefined] : to)
      yield { source, operation, when, expression, unenforceable };
  }
}
