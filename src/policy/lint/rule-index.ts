import type { LintedPolicy, LintedRule } from "./linted-policy.ts";

/** A rule is compared with so many others at most, so that no number of policies makes the server stand still. */
const COMPARED_MAX = 500;

/** All rules, by where they hold: of thousands of policies few are near to one another. */
export class RuleIndex {
  /** By namespace, action, and one label that a workload must have. */
  readonly #filed = new Map<string, LintedRule[]>();
  /** Those that allow and are enforced, by tier. */
  readonly #bounds: ReadonlyMap<number, readonly LintedRule[]>;

  constructor(all: readonly LintedRule[]) {
    for (const rule of all) {
      const [label] = labelsOf(rule.policy);
      for (const namespace of rule.policy.namespaces ?? [EVERYWHERE])
        this.#file(keyOf(namespace, rule, label ?? ""), rule);
    }
    const allowing = all.filter(({ ruleSet }) => ruleSet.action === "ALLOW" && ruleSet.mode === "enforce");
    this.#bounds = Map.groupBy(allowing, ({ ruleSet }) => ruleSet.tier);
  }

  /** Those of the action that may hold wherever the rule does, in order; the first of too many. */
  above({ policy }: LintedRule, action: "ALLOW" | "DENY"): readonly LintedRule[] {
    const [first] = policy.namespaces ?? [];
    const namespaces = first === undefined ? [EVERYWHERE] : [EVERYWHERE, first];
    const keys = namespaces.flatMap((each) => ["", ...labelsOf(policy)].map((label) => `${each} ${action} ${label}`));
    // Filed in order: of each key the first are enough for the first of all.
    const found = keys.flatMap((key) => this.#filed.get(key)?.slice(0, COMPARED_MAX) ?? []);
    return found.sort((a, b) => a.order - b.order).slice(0, COMPARED_MAX);
  }

  /** What a request must be allowed by beside the rule's own tier; a tier of too many rules is left out. */
  bounds({ ruleSet }: LintedRule): readonly (readonly LintedRule[])[] {
    const others = [...this.#bounds].filter(([tier]) => tier !== ruleSet.tier);
    return others.map(([, rules]) => rules).filter(({ length }) => length <= COMPARED_MAX);
  }

  #file(key: string, rule: LintedRule): void {
    const there = this.#filed.get(key);
    if (there === undefined) this.#filed.set(key, [rule]);
    else there.push(rule);
  }
}

/** No name of a namespace. */
const EVERYWHERE = "*";

function keyOf(namespace: string, { ruleSet }: LintedRule, label: string): string {
  return `${namespace} ${ruleSet.action} ${label}`;
}

function labelsOf({ selector }: LintedPolicy): readonly string[] {
  return Object.entries(selector.matchLabels).map(([label, value]) => `${label}=${value}`);
}
