/** Rules that other rules leave nothing to decide. */
import { conflictIn, coveredBy, coversClause, policyLabel, type RuleSet, type TermClause } from "#policy";
import type { Remark } from "./finding.ts";
import { holdsWherever, type LintedRule, mayMeet } from "./linted-policy.ts";
import type { RuleIndex } from "./rule-index.ts";

/** What is said of a rule because of the others, which are all of the mesh. */
export function coveringRemarks(rule: LintedRule, all: RuleIndex): readonly Remark[] {
  if (rule.ruleSet.mode === "observe" || !isDeciding(rule.ruleSet)) return [];
  if (rule.clauses.some(({ unenforceable }) => unenforceable !== "")) return [];
  const contradicting = rule.ruleSet.action === "ALLOW" ? coverOf(rule, all, "deny") : undefined;
  if (contradicting !== undefined) {
    const by = nameOf(contradicting);
    const message = `${capital(by)} denies everything that this rule allows.`;
    const fix = `Narrow ${by} or delete this rule.`;
    return [{ code: "contradictory", severity: "error", rule: rule.rule, message, fix }];
  }
  const shadowing = coverOf(rule, all, "same");
  if (shadowing !== undefined) {
    const by = nameOf(shadowing);
    const message = `${capital(by)} already decides everything that this rule matches, and alike.`;
    const fix = "Delete this rule, or narrow the other if it was to be wider.";
    return [{ code: "shadowed", severity: "warning", rule: rule.rule, message, fix }];
  }
  return boundRemarks(rule, all);
}

/** An ALLOW that no ALLOW of another tier lets pass. */
function boundRemarks(rule: LintedRule, all: RuleIndex): readonly Remark[] {
  if (rule.ruleSet.action !== "ALLOW") return [];
  for (const bounding of all.bounds(rule)) {
    const tier = bounding.filter(({ policy }) => mayMeet(policy, rule.policy));
    const isBound = tier.some(({ policy }) => holdsWherever(policy, rule.policy));
    const first = tier[0];
    if (first === undefined || !isBound || !tier.every((each) => isApart(rule, each))) continue;
    const by = nameOf(first);
    const message = `${capital(by)} must let a request pass too, and lets none pass that this rule allows.`;
    const fix = `Keep this rule within ${by} or widen that one.`;
    return [{ code: "unreachable", severity: "error", rule: rule.rule, message, fix }];
  }
  return [];
}

function isApart(rule: LintedRule, bound: LintedRule): boolean {
  return rule.clauses.every((each) =>
    bound.clauses.every(
      (other) => other.unenforceable !== "" || conflictIn([...each.terms, ...other.terms]) !== undefined,
    ),
  );
}

/** The first rule of those that together cover all clauses of the rule. */
function coverOf(rule: LintedRule, all: RuleIndex, want: "deny" | "same"): LintedRule | undefined {
  const candidates = all
    .above(rule, rule.ruleSet.action === "ALLOW" && want === "same" ? "ALLOW" : "DENY")
    .filter(
      (each) =>
        each !== rule &&
        each.ruleSet.mode === "enforce" &&
        isPermanent(each.ruleSet) &&
        mayStandFor(each.ruleSet, rule.ruleSet, want) &&
        holdsWherever(each.policy, rule.policy),
    );
  const found = rule.clauses.map((clause) => {
    const isCovered = coveredBy(clause);
    return candidates.find(
      (candidate) =>
        candidate.clauses.some((each) => covers(candidate, each, isCovered)) && isFirst(candidate, rule, want),
    );
  });
  return found.includes(undefined) ? undefined : found[0];
}

/** Of two that cover each other the later is told. */
function isFirst(candidate: LintedRule, rule: LintedRule, want: "deny" | "same"): boolean {
  if (want === "deny" || candidate.order < rule.order) return true;
  const isMutual =
    holdsWherever(rule.policy, candidate.policy) &&
    mayStandFor(rule.ruleSet, candidate.ruleSet, want) &&
    candidate.clauses.every((each) => rule.clauses.some((other) => coversClause(other, each)));
  return !isMutual || !isPermanent(rule.ruleSet);
}

function covers({ ruleSet }: LintedRule, general: TermClause, isCovered: (general: TermClause) => boolean): boolean {
  return general.unenforceable === "" ? isCovered(general) : ruleSet.action === "DENY";
}

/** Whether what the one matches is never the other's to decide: to deny it, or to decide it as the other would. */
function mayStandFor(one: RuleSet, other: RuleSet, want: "deny" | "same"): boolean {
  if (want === "deny") {
    if (one.action !== "DENY") return false;
    return !one.isFallback || (other.isFallback && one.tier === other.tier);
  }
  if (one.action !== other.action) return false;
  if (one.isFallback && !other.isFallback) return false;
  if (one.action === "DENY" && !one.isFallback) return true;
  return one.tier === other.tier;
}

function isPermanent({ validity }: RuleSet): boolean {
  return validity.expiresAtMs === undefined && validity.schedule.length === 0;
}

function isDeciding({ action }: RuleSet): boolean {
  return action === "ALLOW" || action === "DENY";
}

function nameOf({ policy, rule }: LintedRule): string {
  return `rule ${rule + 1} of ${policyLabel(policy.ref)}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
