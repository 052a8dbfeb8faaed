import {
  type CallerAttributes,
  compilePolicy,
  coversClause,
  decide,
  policyLabel,
  type RequestAttributes,
  type Rule,
  type RuleSet,
  requestAttributes,
  ruleOf,
  ruleSetOf,
  sourceMatch,
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
  readonly isMetBy: (caller: RequestAttributes) => boolean;
}

/**
 * By policies in force, in which those that only observe are passed over. What is prepared is good for any number of callers.
 * `authorizers`: those that can be asked, by their names.
 */
export function callerAccess(
  ruleSets: readonly RuleSet[],
  authorizers: ReadonlySet<string> = new Set(),
): (caller: CallerOf) => CallerAccess {
  const enforced = ruleSets.filter(({ mode }) => mode === "enforce");
  const named = new Set(enforced.flatMap((each) => (each.action === "CUSTOM" ? [each.provider] : [])));
  const askable = named.size > 1 ? new Set<string>() : authorizers;
  const [asked, unasked] = [true, false].map((isKnown) =>
    lefts(enforced.filter((each) => each.action === "CUSTOM" && askable.has(each.provider) === isKnown)),
  );
  const byTier = [...Map.groupBy(enforced.filter(isDeciding), ({ tier }) => tier)].sort(([a], [b]) => a - b);
  const tiers = byTier.map(([, each]) => tierOf(each));
  return (caller) => {
    const request = requestAttributes(caller);
    const external = externalAccess(met(asked ?? [], request), met(unasked ?? [], request));
    return together([external, ...tiers.map((each) => tierAccess(each, request))]);
  };
}

/** A request must pass every tier. */
function together(tiers: readonly CallerAccess[]): CallerAccess {
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
function externalAccess(asked: readonly Left[], unasked: readonly Left[]): CallerAccess {
  const whole = unasked.find(isWhole);
  if (whole !== undefined) return { ...FREE, verdict: "deny", labels: [whole.label] };
  const external = [...asked, ...unasked];
  return { ...FREE, labels: labelsOf(external), except: external.map(toldOf) };
}

/** The clauses of one tier by what they do, and the first policy that allows in it. */
interface Tier {
  readonly deny: readonly Left[];
  readonly allow: readonly Left[];
  readonly lastDeny: readonly Left[];
  readonly lastAllow: readonly Left[];
  readonly allowing: string | undefined;
}

function tierOf(ruleSets: readonly RuleSet[]): Tier {
  const of = (action: RuleSet["action"], isFallback: boolean): readonly Left[] =>
    lefts(ruleSets.filter((each) => each.action === action && each.isFallback === isFallback));
  const [allowing] = ruleSets.filter(({ action }) => action === "ALLOW").map(({ ref }) => policyLabel(ref));
  return {
    deny: of("DENY", false),
    allow: of("ALLOW", false),
    lastDeny: of("DENY", true),
    lastAllow: of("ALLOW", true),
    allowing,
  };
}

function met(clauses: readonly Left[], caller: RequestAttributes): readonly Left[] {
  return clauses.filter(({ isMetBy }) => isMetBy(caller));
}

function tierAccess({ lastAllow, lastDeny, allowing, ...tier }: Tier, caller: RequestAttributes): CallerAccess {
  const deny = met(tier.deny, caller);
  const denied = deny.find(isWhole);
  if (denied !== undefined) return { ...FREE, verdict: "deny", labels: [denied.label] };
  const rules = { allow: met(tier.allow, caller), deny };
  const { allow, except, first } = fallen(rules, met(lastAllow, caller), met(lastDeny, caller));
  const told = { ...FREE, except: except.map(toldOf) };
  const refused = except.find(isWhole);
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

function lefts(ruleSets: readonly RuleSet[]): readonly Left[] {
  return ruleSets.flatMap(({ ref, action, rules }) =>
    rules.flatMap((rule) => {
      if (rule.unenforceable !== "" && action === "ALLOW") return [];
      return clausesOf(rule).map((each) => leftOf(policyLabel(ref), each));
    }),
  );
}

function leftOf(label: string, { terms: all, ...clause }: TermClause): Left {
  const asked = all.filter(({ attribute }) => OF_CALLER.has(attribute));
  const terms = all.filter(({ attribute }) => !OF_CALLER.has(attribute));
  const { rule, expression } = clause;
  return { label, rule, terms, expression, clause: { ...clause, terms }, isMetBy: testOf(asked) };
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
function testOf(terms: readonly Term[]): Left["isMetBy"] {
  if (terms.length === 0) return () => true;
  const isAccount = ({ attribute }: Term): boolean => attribute === "source.serviceAccount";
  const accounts = terms
    .filter(isAccount)
    .map(({ isNegated, patterns }) =>
      sourceMatch(isNegated ? { notServiceAccounts: patterns } : { serviceAccounts: patterns }),
    );
  const when = terms
    .filter((each) => !isAccount(each))
    .map(({ attribute, isNegated, patterns }) => ({
      key: attribute,
      values: isNegated ? [] : patterns,
      notValues: isNegated ? patterns : [],
    }));
  const ref = { kind: "", namespace: "", name: "" };
  const tests = [[], ...accounts.map((each) => [each])].map((from) =>
    compilePolicy([ruleSetOf({ ref, action: "ALLOW", rules: [ruleOf({ from, when })] })]),
  );
  return (caller) => tests.every((each) => decide(each, caller).verdict === "allow");
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
