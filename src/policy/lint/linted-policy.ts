/** A policy as it is looked at: lowered, with where it holds. */
import { hasLabels, type LabelSelector, meetsSelector, PARENT_LABEL } from "#model";
import {
  lowerAccessPolicy,
  lowerAuthorizationPolicy,
  lowerNetworkPolicy,
  type PolicyRef,
  type RuleSet,
  type TermClause,
  termClausesOf,
} from "#policy";
import type { AnyPolicy, LintFacts } from "./facts.ts";

export interface LintedPolicy {
  readonly source: AnyPolicy;
  readonly ref: PolicyRef;
  readonly ruleSets: readonly RuleSet[];
  /** The same of what it says about whom its workloads call. */
  readonly egress: readonly RuleSet[];
  /** Undefined: every namespace. */
  readonly namespaces: ReadonlySet<string> | undefined;
  readonly selector: LabelSelector;
}

/** The clauses of one rule as the user counts them: what another policy must cover, all of them. */
export interface LintedRule {
  readonly policy: LintedPolicy;
  readonly ruleSet: RuleSet;
  readonly rule: number;
  readonly clauses: readonly TermClause[];
  /** Position among all rules. */
  readonly order: number;
}

export function lintedPolicy(source: AnyPolicy, facts: LintFacts): LintedPolicy {
  const { kind, metadata } = source;
  const { namespace, name } = metadata;
  return {
    source,
    ref: { kind, namespace, name },
    ruleSets: ruleSetsOf(source, facts),
    egress: source.kind === "NetworkPolicy" ? lowerNetworkPolicy(source, facts, "egress") : [],
    namespaces: reachOf(source, facts),
    selector: selectorOf(source),
  };
}

/** Of one direction: rules of the other are about something else. */
export function lintedRules(
  policies: readonly LintedPolicy[],
  direction: "ruleSets" | "egress",
): readonly LintedRule[] {
  const all = policies.flatMap((policy) =>
    policy[direction].flatMap((ruleSet) => {
      const clauses = Map.groupBy(ruleSet.rules.flatMap(termClausesOf), ({ rule }) => rule);
      return [...clauses].map(([rule, each]) => ({ policy, ruleSet, rule, clauses: each }));
    }),
  );
  return all.map((each, order) => ({ ...each, order }));
}

/** Whether the one is in force wherever the other is. */
export function holdsWherever(wide: LintedPolicy, narrow: LintedPolicy): boolean {
  if (wide === narrow) return true;
  if (wide.namespaces !== undefined) {
    if (narrow.namespaces === undefined) return false;
    for (const each of narrow.namespaces) if (!wide.namespaces.has(each)) return false;
  }
  return coversSelector(wide.selector, narrow.selector);
}

/** Whether they may be in force at one workload; true where it cannot be told. */
export function mayMeet(one: LintedPolicy, other: LintedPolicy): boolean {
  const isApart =
    one.namespaces !== undefined && other.namespaces !== undefined && one.namespaces.isDisjointFrom(other.namespaces);
  if (isApart) return false;
  return Object.entries(one.selector.matchLabels).every(
    ([label, value]) => (other.selector.matchLabels[label] ?? value) === value,
  );
}

export function selectsWorkload(
  { namespaces, selector }: LintedPolicy,
  workload: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
): boolean {
  return (namespaces === undefined || namespaces.has(workload.namespace)) && meetsSelector(workload.labels, selector);
}

function ruleSetsOf(source: AnyPolicy, facts: LintFacts): readonly RuleSet[] {
  switch (source.kind) {
    case "AuthorizationPolicy":
      return [lowerAuthorizationPolicy(source)];
    case "AccessPolicy":
      return lowerAccessPolicy(source, facts, {
        isBelow: false,
        depth: lineageOf(source.metadata.namespace, facts).length,
      });
    case "NetworkPolicy":
      return lowerNetworkPolicy(source, facts, "ingress");
  }
}

function selectorOf(source: AnyPolicy): LabelSelector {
  if (source.kind === "NetworkPolicy") return source.spec.podSelector;
  return { matchLabels: source.spec.selector ?? {}, matchExpressions: [] };
}

function coversSelector(wide: LabelSelector, narrow: LabelSelector): boolean {
  if (wide.matchExpressions.length === 0) return hasLabels(narrow.matchLabels, wide.matchLabels);
  return JSON.stringify(wide) === JSON.stringify(narrow);
}

function reachOf(
  { kind, metadata: { namespace }, ...source }: AnyPolicy,
  facts: LintFacts,
): LintedPolicy["namespaces"] {
  if (kind === "NetworkPolicy") return new Set([namespace]);
  const isPropagated = "propagation" in source.spec && source.spec.propagation !== "None";
  if (kind === "AccessPolicy" && !isPropagated) return new Set([namespace]);
  if (namespace === facts.rootNamespace) return undefined;
  if (kind === "AuthorizationPolicy") return new Set([namespace]);
  const below = facts.namespaces
    .map(({ metadata }) => metadata.name)
    .filter((each) => lineageOf(each, facts).includes(namespace));
  return new Set([namespace, ...below]);
}

/** The namespaces above the given one; one that leads back to itself is cut off. */
function lineageOf(namespace: string, { namespaces, rootNamespace }: LintFacts): readonly string[] {
  const lineage: string[] = [];
  let next = parentOf(namespace, namespaces);
  while (next !== undefined && next !== rootNamespace && next !== namespace && !lineage.includes(next)) {
    lineage.unshift(next);
    next = parentOf(next, namespaces);
  }
  return namespace === rootNamespace ? [] : [rootNamespace, ...lineage];
}

function parentOf(name: string, namespaces: LintFacts["namespaces"]): string | undefined {
  return namespaces.find(({ metadata }) => metadata.name === name)?.metadata.labels[PARENT_LABEL];
}
