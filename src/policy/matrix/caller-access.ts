import {
  type CallerAttributes,
  compilePolicy,
  coversClause,
  decide,
  policyLabel,
  type Rule,
  type RuleSet,
  requestAttributes,
  ruleOf,
  ruleSetOf,
  type Term,
  type TermAttribute,
  type TermClause,
  termClausesOf,
} from "#policy";

/** Who calls, and the port of the workload that is called. */
export interface CallerOf extends CallerAttributes {
  readonly port: number;
}

/** A rule that decides for some requests of the caller, and what is asked of them. */
export interface LeftCondition {
  /** `Kind/namespace/name`. */
  readonly label: string;
  readonly rule: number;
  readonly terms: readonly Term[];
  readonly expression: string;
}

/** What the caller may do; `only` and `except` are told where that depends on the request. */
export interface CallerAccess {
  readonly verdict: "allow" | "deny" | "conditional";
  /** The policies that decide, or what decides instead. */
  readonly labels: readonly string[];
  /** One list for each tier that allows by condition; a request must meet one rule of each. */
  readonly only: readonly (readonly LeftCondition[])[];
  readonly except: readonly LeftCondition[];
}

/** A clause with what is left of it once the caller is known. */
interface Left extends LeftCondition {
  readonly clause: TermClause;
}

/** By policies in force, in which those that only observe are passed over. `authorizers`: those that can be asked, by their names. */
export function callerAccess(
  ruleSets: readonly RuleSet[],
  caller: CallerOf,
  authorizers: ReadonlySet<string> = new Set(),
): CallerAccess {
  const enforced = ruleSets.filter(({ mode }) => mode === "enforce");
  const named = new Set(enforced.flatMap((each) => (each.action === "CUSTOM" ? [each.provider] : [])));
  const askable = named.size > 1 ? new Set<string>() : authorizers;
  const custom = (isKnown: boolean): readonly Left[] =>
    lefts(enforced, caller, (each) => each.action === "CUSTOM" && askable.has(each.provider) === isKnown);
  const byTier = [...Map.groupBy(enforced.filter(isDeciding), ({ tier }) => tier)].sort(([a], [b]) => a - b);
  const tiers = [externalTier(custom(true), custom(false)), ...byTier.map(([, each]) => tierAccess(each, caller))];
  const denied = tiers.find(({ verdict }) => verdict === "deny");
  if (denied !== undefined) return denied;
  const only = tiers.flatMap((each) => each.only);
  const except = tiers.flatMap((each) => each.except);
  const verdict = only.length + except.length > 0 ? "conditional" : "allow";
  const labels = [...new Set(tiers.flatMap((each) => each.labels))];
  return { verdict, labels: labels.length > 0 ? labels : [NOBODY], only, except };
}

const NOBODY = "no-allow-policy";
const FREE: CallerAccess = { verdict: "allow", labels: [], only: [], except: [] };

/** What an external authorizer decides depends on it; where it cannot be asked, that is denied. */
function externalTier(asked: readonly Left[], unasked: readonly Left[]): CallerAccess {
  const whole = unasked.find(isWhole);
  if (whole !== undefined) return { ...FREE, verdict: "deny", labels: [whole.label] };
  const external = [...asked, ...unasked];
  return { ...FREE, labels: labelsOf(external), except: external.map(toldOf) };
}

function tierAccess(ruleSets: readonly RuleSet[], caller: CallerOf): CallerAccess {
  const of = (action: RuleSet["action"], isFallback: boolean): readonly Left[] =>
    lefts(ruleSets, caller, (each) => each.action === action && each.isFallback === isFallback);
  const deny = of("DENY", false);
  const denied = deny.find(isWhole);
  if (denied !== undefined) return { ...FREE, verdict: "deny", labels: [denied.label] };
  const { allow, except, first } = fallen({ allow: of("ALLOW", false), deny }, of("ALLOW", true), of("DENY", true));
  const told = { ...FREE, except: except.map(toldOf) };
  const refused = except.find(isWhole);
  const [allowing] = ruleSets.filter(({ action }) => action === "ALLOW").map(({ ref }) => policyLabel(ref));
  if (refused !== undefined) return { ...FREE, verdict: "deny", labels: [refused.label] };
  if (allowing === undefined) return { ...told, labels: labelsOf(except) };
  const open = allow.filter(({ clause }) => !first.some((each) => coversClause(each.clause, clause)));
  const whole = open.find(isWhole);
  if (whole !== undefined) return { ...told, labels: labelsOf([whole, ...except]) };
  if (open.length > 0) return { ...told, labels: labelsOf([...open, ...except]), only: [open.map(toldOf)] };
  const labels = allow.length > 0 ? labelsOf(first) : [`default-deny: no rule of ${allowing} matched`];
  return { ...FREE, verdict: "deny", labels };
}

interface Rules {
  readonly allow: readonly Left[];
  readonly deny: readonly Left[];
}

/** What is asked of a tier, when each fallback is asked only after what comes before it. */
interface Fallen {
  readonly allow: readonly Left[];
  readonly except: readonly Left[];
  /** Those exceptions that are asked before anything allows. */
  readonly first: readonly Left[];
}

function fallen({ allow, deny }: Rules, allowing: readonly Left[], denying: readonly Left[]): Fallen {
  if (allow.some(isWhole)) return { allow, except: deny, first: deny };
  if (allow.length === 0) {
    const first = [...deny, ...denying];
    return { allow: allowing, except: first, first };
  }
  // A fallback that refuses everything leaves what is allowed before it.
  if (denying.some(isWhole)) return { allow, except: deny, first: deny };
  return { allow: [...allow, ...allowing], except: [...deny, ...denying], first: deny };
}

/** The clauses that the caller can meet. */
function lefts(
  ruleSets: readonly RuleSet[],
  caller: CallerOf,
  isWanted: (ruleSet: RuleSet) => boolean,
): readonly Left[] {
  return ruleSets.filter(isWanted).flatMap(({ ref, action, rules }) =>
    rules.flatMap((rule) => {
      if (rule.unenforceable !== "" && action === "ALLOW") return [];
      return clausesOf(rule)
        .filter(({ terms }) => terms.every((term) => !OF_CALLER.has(term.attribute) || meets(term, caller)))
        .map((clause): Left => {
          const left = clause.terms.filter(({ attribute }) => !OF_CALLER.has(attribute));
          const { expression } = clause;
          return {
            label: policyLabel(ref),
            rule: rule.index,
            terms: left,
            expression,
            clause: { ...clause, terms: left },
          };
        });
    }),
  );
}

/** What restricts and cannot be decided matches everything. */
function clausesOf(rule: Rule): readonly TermClause[] {
  return rule.unenforceable === "" ? termClausesOf(rule) : termClausesOf(ruleOf({ index: rule.index }));
}

const OF_CALLER: ReadonlySet<TermAttribute> = new Set([
  "source.principal",
  "source.namespace",
  "source.serviceAccount",
  "destination.port",
] as const);

/** Asked of the one evaluator, so that patterns mean here what they mean on an agent. */
function meets({ attribute, isNegated, patterns }: Term, caller: CallerOf): boolean {
  if (attribute === "source.serviceAccount") return patterns.includes(caller.serviceAccount) !== isNegated;
  const when = [{ key: attribute, values: isNegated ? [] : patterns, notValues: isNegated ? patterns : [] }];
  const ref = { kind: "", namespace: "", name: "" };
  const alone = ruleSetOf({ ref, action: "ALLOW", rules: [ruleOf({ when })] });
  return decide(compilePolicy([alone]), requestAttributes(caller)).verdict === "allow";
}

function isWhole({ terms, expression }: Left): boolean {
  return terms.length === 0 && expression === "";
}

function isDeciding({ action }: RuleSet): boolean {
  return action === "ALLOW" || action === "DENY";
}

function labelsOf(lefted: readonly Left[]): readonly string[] {
  return [...new Set(lefted.map(({ label }) => label))];
}

function toldOf({ label, rule, terms, expression }: Left): LeftCondition {
  return { label, rule, terms, expression };
}
