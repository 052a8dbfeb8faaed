/**
 * Rule sets as one list of what is denied and one of what is allowed, which is what other systems have. Tiers become one by putting
 * together, rule by rule, what all of them must allow. What cannot be kept becomes stricter, and is noted.
 */
import {
  conflictIn,
  coversPattern,
  policyLabel,
  type RuleSet,
  ruleSetsAt,
  type Term,
  type TermClause,
  termClausesOf,
} from "#policy";
import type { ExportedWorkload, ExportFacts, ExportNote } from "./export.ts";

/** All terms must hold. Two terms may be of one attribute. */
export interface PlannedClause {
  readonly policy: string;
  readonly rule: number;
  readonly terms: readonly Term[];
}

export interface Plan {
  readonly deny: readonly PlannedClause[];
  /** Undefined: everything that is not denied is allowed. */
  readonly allow: readonly PlannedClause[] | undefined;
  readonly notes: readonly ExportNote[];
}

/** Tiers multiply their rules; more than these are left out. */
const CLAUSES_MAX = 512;

export function planOf(workload: ExportedWorkload, facts: ExportFacts): Plan {
  const planner = new Planner(`${workload.namespace}/${workload.name}`, facts);
  return planner.plan(workload.ruleSets);
}

/** What another system knows of another connection than agents do: by it nothing must be allowed there that is denied here. */
const UNKNOWN = "connection.sni";

/** What no other system is given. */
function foreignIn({ expression, terms }: TermClause): readonly string[] {
  return [
    ...(expression === "" ? [] : ["a condition in CEL"]),
    ...(terms.some(({ attribute }) => attribute === UNKNOWN)
      ? [`a condition on ${UNKNOWN}, which agents know of TLS that is passed on to the app alone`]
      : []),
  ];
}

interface Tier {
  readonly deny: readonly PlannedClause[];
  readonly allow: readonly PlannedClause[] | undefined;
}

class Planner {
  readonly #workload: string;
  readonly #facts: ExportFacts;
  readonly #notes: ExportNote[] = [];

  constructor(workload: string, facts: ExportFacts) {
    this.#workload = workload;
    this.#facts = facts;
  }

  plan(all: readonly RuleSet[]): Plan {
    const enforced = all.filter((each) => this.#isEnforced(each)).map((each) => this.#permanent(each));
    const external = this.#clauses(enforced.filter(({ action }) => action === "CUSTOM"));
    const byTier = Map.groupBy(
      enforced.filter(({ action }) => action === "ALLOW" || action === "DENY"),
      ({ tier }) => tier,
    );
    const tiers = [...byTier].sort(([a], [b]) => b - a).map(([, each]) => this.#tier(each));
    const allowing = tiers.flatMap(({ allow }) => (allow === undefined ? [] : [allow]));
    const allow = allowing.length === 0 ? undefined : allowing.reduce((one, other) => this.#both(one, other));
    return { deny: [...external, ...tiers.flatMap(({ deny }) => deny)], allow, notes: this.#notes };
  }

  #note(policy: string, rule: number, said: Pick<ExportNote, "effect" | "message">): void {
    this.#notes.push({ workload: this.#workload, policy, rule, ...said });
  }

  #isEnforced({ mode, action, ref }: RuleSet): boolean {
    const label = policyLabel(ref);
    if (mode === "observe") {
      this.#note(label, -1, { effect: "same", message: "only observes, and is left out" });
      return false;
    }
    if (action === "AUDIT") this.#note(label, -1, { effect: "same", message: "only records, and is left out" });
    if (action === "CUSTOM") {
      const message = "asks an external authorizer, which is not told there: what it concerns is denied";
      this.#note(label, -1, { effect: "denies-more", message });
    }
    return action !== "AUDIT";
  }

  /** What ends or comes and goes must not allow for ever, nor stop to deny. */
  #permanent(ruleSet: RuleSet): RuleSet {
    const { validity, action, ref } = ruleSet;
    if (validity.expiresAtMs === undefined && validity.schedule.length === 0) return ruleSet;
    if (validity.expiresAtMs !== undefined && validity.expiresAtMs <= this.#facts.nowMs)
      return ruleSetsAt([ruleSet], this.#facts.nowMs).ruleSets[0] ?? ruleSet;
    const isAllowing = action === "ALLOW";
    const message = `ends or follows a schedule, and is ${isAllowing ? "left out: it allows nothing there" : "in force there at all times"}`;
    this.#note(policyLabel(ref), -1, { effect: "denies-more", message });
    return isAllowing ? { ...ruleSet, rules: [] } : ruleSet;
  }

  #tier(ruleSets: readonly RuleSet[]): Tier {
    const of = (action: string, isFallback: boolean): readonly PlannedClause[] =>
      this.#clauses(ruleSets.filter((each) => each.action === action && each.isFallback === isFallback));
    const deny = of("DENY", false);
    const allow = of("ALLOW", false);
    const [lastDeny, lastAllow] = [of("DENY", true), of("ALLOW", true)];
    if (!ruleSets.some(({ action }) => action === "ALLOW")) return { deny: [...deny, ...lastDeny], allow: undefined };
    // Asked last, it refuses what nothing allows anyway.
    if (lastAllow.length === 0) return { deny, allow };
    if (allow.length > 0) {
      for (const { policy, rule } of lastDeny)
        this.#note(policy, rule, {
          effect: "denies-more",
          message: "is a fallback, and denies there before anything allows",
        });
    }
    return { deny: [...deny, ...lastDeny], allow: [...allow, ...lastAllow] };
  }

  #clauses(ruleSets: readonly RuleSet[]): readonly PlannedClause[] {
    return ruleSets.flatMap(({ ref, action, rules }) =>
      rules.flatMap((rule) =>
        termClausesOf(rule).flatMap((clause) => this.#decidable(policyLabel(ref), clause, action === "ALLOW")),
      ),
    );
  }

  #decidable(policy: string, clause: TermClause, isAllowing: boolean): readonly PlannedClause[] {
    const { rule, terms, unenforceable } = clause;
    if (unenforceable !== "") {
      this.#note(policy, rule, { effect: "same", message: `cannot be decided here either: ${unenforceable}` });
      return isAllowing ? [] : [{ policy, rule, terms: [] }];
    }
    const foreign = foreignIn(clause);
    for (const what of foreign) {
      const message = isAllowing
        ? `has ${what}, and is left out: it allows nothing there`
        : `has ${what}, without which it denies more`;
      this.#note(policy, rule, { effect: "denies-more", message });
    }
    if (isAllowing && foreign.length > 0) return [];
    const known = terms.filter(({ attribute }) => attribute !== UNKNOWN);
    return [{ policy, rule, terms: withWholePrincipals(known, this.#facts.trustDomain) }];
  }

  /** Every pair of rules of which both can be met. */
  #both(one: readonly PlannedClause[], other: readonly PlannedClause[]): readonly PlannedClause[] {
    const pairs = one.flatMap((left) =>
      other.flatMap((right): readonly PlannedClause[] => {
        const terms = [...left.terms, ...right.terms];
        if (conflictIn(terms) !== undefined) return [];
        const [policy, rule] = [`${left.policy} and ${right.policy}`, left.rule];
        return [{ policy, rule, terms: merged(withWholePrincipals(terms, this.#facts.trustDomain)) }];
      }),
    );
    for (const { policy, rule } of pairs.slice(CLAUSES_MAX))
      this.#note(policy, rule, { effect: "denies-more", message: "is one pair of rules too many, and is left out" });
    return pairs.slice(0, CLAUSES_MAX);
  }
}

/** An account of the own trust domain is a principal, which every system knows. */
function withWholePrincipals(terms: readonly Term[], trustDomain: string): readonly Term[] {
  const isOwn = (term: Term): boolean =>
    term.attribute === "source.principal" && !term.isNegated && term.patterns.join() === `${trustDomain}/ns/*`;
  const own = terms.find(isOwn);
  const account = terms.find(({ attribute, isNegated }) => attribute === "source.serviceAccount" && !isNegated);
  if (own === undefined || account === undefined) return terms;
  const patterns = account.patterns.map((each) => `${trustDomain}/ns/${each.replace("/", "/sa/")}`);
  const principal: Term = { attribute: "source.principal", isNegated: false, patterns };
  return [principal, ...terms.filter((each) => each !== own && each !== account)];
}

/** Two lists of one attribute as one, where that is surely the same: what a header or a claim has may be several texts. */
function merged(terms: readonly Term[]): readonly Term[] {
  const out: Term[] = [];
  for (const term of terms) {
    const index = out.findIndex((each) => each.attribute === term.attribute && each.isNegated === term.isNegated);
    const before = out[index];
    const joined = before === undefined ? undefined : joinedTerm(before, term);
    if (joined === undefined) out.push(term);
    else out[index] = joined;
  }
  return out;
}

function joinedTerm(one: Term, other: Term): Term | undefined {
  if (!isSingle(one.attribute)) return undefined;
  if (one.isNegated) return { ...one, patterns: [...new Set([...one.patterns, ...other.patterns])] };
  const pairs = one.patterns.flatMap((left) => other.patterns.map((right) => meetingOf(one, left, right)));
  const patterns = pairs.filter((each) => each !== undefined && each !== "");
  return pairs.includes(undefined) || patterns.length === 0
    ? undefined
    : { ...one, patterns: [...new Set(patterns as readonly string[])] };
}

/** The pattern that matches what both match, "" where nothing does, undefined where no pattern is so. */
function meetingOf({ attribute }: Term, left: string, right: string): string | undefined {
  if (coversPattern(attribute, left, right)) return right;
  if (coversPattern(attribute, right, left)) return left;
  return conflictIn([patternTerm(attribute, left), patternTerm(attribute, right)]) === undefined ? undefined : "";
}

function patternTerm(attribute: Term["attribute"], pattern: string): Term {
  return { attribute, isNegated: false, patterns: [pattern] };
}

function isSingle(attribute: Term["attribute"]): boolean {
  return !attribute.startsWith("request.") || attribute === "request.method" || attribute === "request.path";
}
