import type { ClauseOutlook } from "./clause.ts";
import type { Clauses, CompiledClause } from "./clause-table.ts";
import { type CompiledPolicy, type CompiledTier, compilePolicy } from "./compile.ts";
import type { ClauseField } from "./conditions.ts";
import { decide, decideTier } from "./decide.ts";
import type { Decision } from "./decision.ts";
import type { PartialRequest } from "./partial-request.ts";
import { type PolicyMode, type PolicyRef, type RuleSet, ruleSetOf } from "./rule-set.ts";
import type { TermAttribute } from "./terms.ts";

/** The ALLOW rule that came closest to matching. */
export interface NearestMiss {
  readonly decision: Decision;
  /** Fields that did not match, in the policy's own words. */
  readonly failed: readonly ClauseField[];
  /** What it would look at too and is not known. */
  readonly unknown: readonly TermAttribute[];
}

export interface Explanation {
  /** If all that is not known were as bad for the request as it can be. */
  readonly worst: Decision;
  /** If it were as good as it can be. Where both give one verdict, it is sure. */
  readonly best: Decision;
  /** What is not known and makes the difference between the two. */
  readonly dependsOn: readonly TermAttribute[];
  /** What is not known and some rule would look at. */
  readonly unknown: readonly TermAttribute[];
  /** Present when a request may be denied for want of an ALLOW rule, and there is a rule that matched in part. */
  readonly nearestMiss: NearestMiss | undefined;
}

/** The decision with its reasons, for requests of which not everything is known too. Looks at every rule: for people, not for the request path. */
export function explain(policy: CompiledPolicy, request: PartialRequest): Explanation {
  const [worst, best] = (["worst", "best"] as const).map((bound) =>
    decide(boundedPolicy(policy, request, bound), request.attributes),
  ) as [Decision, Decision];
  const tables = [...policy.tiers.flatMap(tablesOf), ...(policy.extras?.external ? [policy.extras.external] : [])];
  return {
    worst,
    best,
    dependsOn: distinct([
      ...policy.tiers.flatMap((tier) => undecidedBy(tier, request)),
      ...(worst.external === best.external ? [] : openIn(policy.extras?.external, request)),
    ]),
    unknown: distinct(tables.flatMap((table) => openIn(table, request))),
    nearestMiss: nearestMissOf(policy, request, worst),
  };
}

/** In any order of evaluation more clauses that restrict never help a request, and more that allow never harm it. */
type Bound = "worst" | "best";

function boundedPolicy({ tiers, extras, ...policy }: CompiledPolicy, request: PartialRequest, bound: Bound) {
  const restricting = <Outcome>(table: Clauses<Outcome>): Clauses<Outcome> =>
    new SettledClauses(table, request, bound === "worst");
  if (extras === undefined) return { ...policy, extras, tiers: tiers.map((tier) => boundedTier(tier, request, bound)) };
  const { observed, audits, external } = extras;
  return {
    ...policy,
    tiers: tiers.map((tier) => boundedTier(tier, request, bound)),
    extras: {
      observed: observed?.map((tier) => boundedTier(tier, request, bound)),
      audits: audits.map(({ label, clauses }) => ({ label, clauses: new SettledClauses(clauses, request, false) })),
      external: external === undefined ? undefined : restricting(external),
    },
  };
}

function boundedTier({ deny, allow, fallback, otherwise }: CompiledTier, request: PartialRequest, bound: Bound) {
  const isWorst = bound === "worst";
  const settled = (rules: { readonly deny: Clauses<Decision>; readonly allow: Clauses<Decision> }) => ({
    deny: new SettledClauses(rules.deny, request, isWorst),
    allow: new SettledClauses(rules.allow, request, !isWorst),
  });
  return { ...settled({ deny, allow }), fallback: fallback && settled(fallback), otherwise };
}

/** Clauses as if those that depend on what is not known were all met, or none of them. */
class SettledClauses<Outcome> implements Clauses<Outcome> {
  readonly all: readonly CompiledClause<Outcome>[];
  readonly #first: CompiledClause<Outcome> | undefined;

  constructor({ all }: Clauses<Outcome>, request: PartialRequest, isOpenMet: boolean) {
    this.all = all;
    this.#first = all.find(({ clause }) => {
      const { kind } = clause.outlook(request);
      return kind === "met" || (isOpenMet && kind === "open");
    });
  }

  find(): CompiledClause<Outcome> | undefined {
    return this.#first;
  }
}

function undecidedBy(tier: CompiledTier, request: PartialRequest): readonly TermAttribute[] {
  const [worst, best] = (["worst", "best"] as const).map((bound) =>
    decideTier(boundedTier(tier, request, bound), request.attributes),
  );
  if (worst?.verdict === best?.verdict) return [];
  const { deny, allow, fallback } = tier;
  if (new SettledClauses(allow, request, false).find() !== undefined) return openIn(deny, request);
  return [deny, allow, fallback?.deny, fallback?.allow].flatMap((table) => openIn(table, request));
}

function openIn(table: Clauses<unknown> | undefined, request: PartialRequest): readonly TermAttribute[] {
  return (table?.all ?? []).flatMap(({ clause }) => clause.outlook(request).unknown);
}

function tablesOf({ deny, allow, fallback }: CompiledTier): readonly Clauses<Decision>[] {
  return [deny, allow, ...(fallback === undefined ? [] : [fallback.deny, fallback.allow])];
}

function distinct<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}

function nearestMissOf(policy: CompiledPolicy, request: PartialRequest, denial: Decision): NearestMiss | undefined {
  if (denial.reason !== "default-deny") return undefined;
  const tier = policy.tiers.find(({ otherwise }) => otherwise.label === denial.label);
  let nearest: NearestMiss | undefined;
  for (const { clause, outcome } of tier?.allow.all ?? []) {
    const { failed, unknown } = clause.outlook(request);
    if (nearest === undefined || failed.length < nearest.failed.length)
      nearest = { decision: outcome, failed, unknown };
  }
  return nearest;
}

/** One policy in force at a workload, and what it has to do with a request. */
export interface ConsideredPolicy {
  readonly policy: PolicyRef;
  readonly action: RuleSet["action"];
  readonly mode: PolicyMode;
  /** Its first rule that the request surely meets, as the user counts them; -1 for none. */
  readonly rule: number;
  /** Its first rule before that one which depends on what is not known; undefined for none. */
  readonly open: { readonly rule: number; readonly unknown: readonly TermAttribute[] } | undefined;
}

/** Istio's order within a tier (AuthorizationPolicy, `security.istio.io/v1`); what only records comes last. */
const ORDER: readonly RuleSet["action"][] = ["CUSTOM", "DENY", "ALLOW", "AUDIT"];

/** Every policy that is looked at, in the order of evaluation: by tier, by action, and as they are named. */
export function consideredPolicies(ruleSets: readonly RuleSet[], request: PartialRequest): readonly ConsideredPolicy[] {
  return ruleSets
    .toSorted((a, b) => a.tier - b.tier || ORDER.indexOf(a.action) - ORDER.indexOf(b.action))
    .map((ruleSet) => ({
      policy: ruleSet.ref,
      action: ruleSet.action,
      mode: ruleSet.mode,
      ...metRules(ruleSet, request),
    }));
}

/** Decided as if it stood alone: as ALLOW only where it allows, so that a rule that cannot be decided restricts in either. */
function metRules({ ref, rules, action }: RuleSet, request: PartialRequest): Pick<ConsideredPolicy, "rule" | "open"> {
  const alone = ruleSetOf({ ref, rules, action: action === "ALLOW" ? "ALLOW" : "DENY" });
  const outlooks = compilePolicy([alone])
    .tiers.flatMap(tablesOf)
    .flatMap(({ all }) => all)
    .map(({ clause, rule }): ClauseOutlook & { readonly rule: number } => ({ ...clause.outlook(request), rule }));
  const met = outlooks.findIndex(({ kind }) => kind === "met");
  const before = met < 0 ? outlooks : outlooks.slice(0, met);
  const open = before.find(({ kind }) => kind === "open");
  return { rule: outlooks[met]?.rule ?? -1, open: open && { rule: open.rule, unknown: open.unknown } };
}
