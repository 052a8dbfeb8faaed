/** Rule sets compiled for lookup: made when the configuration changes, so that a request only looks up. */
import { type Clauses, ClauseTable } from "./clause-table.ts";
import type { Need } from "./conditions.ts";
import {
  type Decision,
  defaultDeny,
  type ExternalCheck,
  NO_ALLOW_POLICY,
  plainDecision,
  undecidedLabel,
} from "./decision.ts";
import { policyLabel, type Rule, type RuleSet } from "./rule-set.ts";

/** What is decided together; a request must pass every tier. */
export interface CompiledTier {
  readonly deny: Clauses<Decision>;
  readonly allow: Clauses<Decision>;
  /** Asked when neither of the others has matched; undefined for none. */
  readonly fallback: { readonly deny: Clauses<Decision>; readonly allow: Clauses<Decision> } | undefined;
  /** The decision when no rule matched. */
  readonly otherwise: Decision;
}

/** The rules that say more than a verdict; undefined for none, so that nothing needs to be asked. */
export interface CompiledExtras {
  /** The tiers as they would be if policies in observe mode were enforced; undefined when there are none. */
  readonly observed: readonly CompiledTier[] | undefined;
  /** One for each AUDIT policy, with its label. */
  readonly audits: readonly { readonly label: string; readonly clauses: Clauses<undefined> }[];
  readonly external: Clauses<ExternalCheck> | undefined;
}

/** All policies in force at one workload. Immutable. */
export interface CompiledPolicy {
  /** In order; at least one. */
  readonly tiers: readonly CompiledTier[];
  readonly extras: CompiledExtras | undefined;
  /** Whether a decision looks at the header fields of a request. */
  readonly needsHeaders: boolean;
  /** Whether a decision looks at the claims of a verified token. */
  readonly needsClaims: boolean;
  /** Whether a decision looks at the server name that a connection asks for. */
  readonly needsServerName: boolean;
}

export function compilePolicy(ruleSets: readonly RuleSet[]): CompiledPolicy {
  const enforced = ruleSets.filter(({ mode }) => mode === "enforce");
  const tiers = compileTiers(enforced);
  const extras = compileExtras(ruleSets, enforced);
  const tables = [...tablesOf(tiers), ...tablesOf(extras?.observed ?? []), ...extraTables(extras)];
  const needs = (what: Need): boolean => tables.some(({ all }) => all.some(({ clause }) => clause.needs(what)));
  return {
    tiers,
    extras,
    needsHeaders: needs("headers"),
    needsClaims: needs("claims"),
    needsServerName: needs("serverName"),
  };
}

function compileTiers(ruleSets: readonly RuleSet[]): readonly CompiledTier[] {
  const byTier = Map.groupBy(ruleSets.filter(isDeciding), ({ tier }) => tier);
  const tiers = [...byTier].sort(([a], [b]) => a - b).map(([, each]) => compileTier(each));
  return tiers.length === 0 ? [compileTier([])] : tiers;
}

function isDeciding({ action }: RuleSet): boolean {
  return action === "ALLOW" || action === "DENY";
}

function compileTier(ruleSets: readonly RuleSet[]): CompiledTier {
  const of = (action: RuleSet["action"], isFallback: boolean): readonly RuleSet[] =>
    ruleSets.filter((each) => each.action === action && each.isFallback === isFallback);
  const allow = decisions(of("ALLOW", false), "ALLOW");
  const hasFallback = ruleSets.some(({ isFallback }) => isFallback);
  return {
    deny: decisions(of("DENY", false), "DENY"),
    allow,
    fallback: hasFallback
      ? { deny: decisions(of("DENY", true), "DENY"), allow: decisions(of("ALLOW", true), "ALLOW") }
      : undefined,
    otherwise: otherwise(ruleSets, allow),
  };
}

function otherwise(ruleSets: readonly RuleSet[], allow: Clauses<Decision>): Decision {
  const refs = ruleSets.filter(({ action }) => action === "ALLOW").map(({ ref }) => ref);
  if (refs.length === 0) return NO_ALLOW_POLICY;
  const undecided = allow.all.filter(({ clause }) => clause.unenforceable !== "");
  return defaultDeny(
    refs,
    undecided.map(({ policy, rule, clause }) => undecidedLabel(policy, rule, clause.unenforceable)),
  );
}

function decisions(ruleSets: readonly RuleSet[], action: "ALLOW" | "DENY"): Clauses<Decision> {
  return new ClauseTable(ruleSets, action, ({ ref }, { index: rule }, why) => {
    const label = policyLabel(ref);
    if (action === "ALLOW") return plainDecision({ verdict: "allow", reason: "allow-rule", policy: ref, rule, label });
    if (why === "") return plainDecision({ verdict: "deny", reason: "deny-rule", policy: ref, rule, label });
    const told = undecidedLabel(ref, rule, why);
    return plainDecision({ verdict: "deny", reason: "unenforceable", policy: ref, rule, label: told });
  });
}

function compileExtras(all: readonly RuleSet[], enforced: readonly RuleSet[]): CompiledExtras | undefined {
  const isObserving = all.some((each) => each.mode === "observe" && isDeciding(each));
  const custom = enforced.filter(({ action }) => action === "CUSTOM");
  const audits = all
    .filter(({ action }) => action === "AUDIT")
    .map((each) => ({ label: policyLabel(each.ref), clauses: new ClauseTable([each], "DENY", () => undefined) }));
  if (!isObserving && custom.length === 0 && audits.length === 0) return undefined;
  return {
    observed: isObserving ? compileTiers(all) : undefined,
    audits,
    external: custom.length === 0 ? undefined : new ClauseTable(custom, "DENY", checksOf(custom)),
  };
}

function checksOf(custom: readonly RuleSet[]): (ruleSet: RuleSet, rule: Rule) => ExternalCheck {
  const all = new Set(custom.map(providerOf));
  return (ruleSet, { index: rule }) => {
    const provider = providerOf(ruleSet);
    const rivals = [...all].filter((each) => each !== provider);
    return { provider, rivals, policy: ruleSet.ref, rule, label: policyLabel(ruleSet.ref) };
  };
}

function providerOf(ruleSet: RuleSet): string {
  return ruleSet.action === "CUSTOM" ? ruleSet.provider : "";
}

function tablesOf(tiers: readonly CompiledTier[]): readonly Clauses<unknown>[] {
  return tiers.flatMap(({ deny, allow, fallback }) => [
    deny,
    allow,
    ...(fallback === undefined ? [] : [fallback.deny, fallback.allow]),
  ]);
}

function extraTables(extras: CompiledExtras | undefined): readonly Clauses<unknown>[] {
  if (extras === undefined) return [];
  const external = extras.external === undefined ? [] : [extras.external];
  return [...external, ...extras.audits.map(({ clauses }) => clauses)];
}
