/** Looks at all policies of a mesh, by themselves, with each other, and against what they speak of. */
import type { LabelSelector } from "#model";
import { policyLabel } from "#policy";
import { breadthRemarks } from "./breadth.ts";
import { coveringRemarks } from "./covering.ts";
import type { AnyPolicy, LintFacts } from "./facts.ts";
import type { LintFinding, Remark } from "./finding.ts";
import { lifetimeRemarks } from "./lifetime.ts";
import { type LintedPolicy, type LintedRule, lintedPolicy, lintedRules, selectsWorkload } from "./linted-policy.ts";
import { matchingRemarks } from "./matching.ts";
import { pathGapRemarks } from "./path-gaps.ts";
import {
  type KnownNames,
  knownNames,
  labelFix,
  labelText,
  nameRemarks,
  placeRemarks,
  subjectRemarks,
} from "./references.ts";
import { RuleIndex } from "./rule-index.ts";

/**
 * What is wrong or doubtful, errors first, then in order of policy and rule. Sound and not complete: what is called shadowed, contradictory
 * or unreachable is so, and a rule that several others cover only by their values together is not found.
 */
export function lintPolicies(policies: readonly AnyPolicy[], facts: LintFacts): readonly LintFinding[] {
  const linted = policies.map((each) => lintedPolicy(each, facts));
  const names = knownNames(facts);
  const ofRules = [
    ...ruleRemarks(lintedRules(linted, "ruleSets"), facts),
    ...ruleRemarks(lintedRules(linted, "egress"), facts).map(ofEgress),
  ];
  const ofPolicies = linted.flatMap((policy) =>
    policyRemarks(policy, names, facts).map((each) => ({ ...each, policy: policy.ref })),
  );
  return ordered([...ofRules, ...ofPolicies]);
}

function ofEgress<R extends Remark>(remark: R): R {
  return { ...remark, message: `Of egress: ${remark.message}` };
}

function ruleRemarks(rules: readonly LintedRule[], facts: LintFacts): readonly LintFinding[] {
  const index = new RuleIndex(rules);
  return rules.flatMap((rule) => {
    const matching = matchingRemarks(rule, facts.authorizers);
    // What can never match covers nothing and is covered by anything.
    const covering = matching.length > 0 ? [] : coveringRemarks(rule, index);
    const remarks = [...matching, ...covering, ...breadthRemarks(rule), ...pathGapRemarks(rule)];
    return remarks.map((each) => ({ ...each, policy: rule.policy.ref }));
  });
}

function policyRemarks(policy: LintedPolicy, names: KnownNames, facts: LintFacts): readonly Remark[] {
  const { source, ruleSets, egress } = policy;
  return [
    ...placeRemarks(source, names),
    ...selectionRemarks(policy, facts),
    ...emptyRemarks(source),
    ...lifetimeRemarks(policy, facts.nowMs),
    ...(source.kind === "AccessPolicy" ? subjectRemarks(source, facts) : []),
    ...ruleSets.flatMap(({ rules }) => rules.flatMap((rule) => nameRemarks(rule, names, facts))),
    ...egress.flatMap(({ rules }) => rules.flatMap((rule) => nameRemarks(rule, names, facts).map(ofEgress))),
  ];
}

function selectionRemarks(policy: LintedPolicy, { workloads }: LintFacts): readonly Remark[] {
  if (isEverything(policy.selector) || workloads.some((each) => selectsWorkload(policy, each))) return [];
  const { namespaces, selector } = policy;
  const there = workloads.filter(({ namespace }) => namespaces === undefined || namespaces.has(namespace));
  const fix = labelFix(
    selector.matchLabels,
    there.map(({ labels }) => labels),
  );
  const message = `No workload has the labels ${labelText(selector.matchLabels)} that the policy selects, where it holds.`;
  return [{ code: "selects-nothing", rule: -1, message, ...fix }];
}

function isEverything({ matchLabels, matchExpressions }: LabelSelector): boolean {
  return Object.keys(matchLabels).length + matchExpressions.length === 0;
}

/** An ALLOW without rules denies, and is often meant so. */
function emptyRemarks(source: AnyPolicy): readonly Remark[] {
  if (source.kind !== "AuthorizationPolicy" || source.spec.action === "ALLOW") return [];
  if ((source.spec.rules?.length ?? 0) > 0) return [];
  const message = `A policy of the action ${source.spec.action} does nothing without rules.`;
  const fix = "Write its rules; `rules: [{}]` matches everything.";
  return [{ code: "no-effect", severity: "error", rule: -1, message, fix }];
}

function ordered(findings: readonly LintFinding[]): readonly LintFinding[] {
  const once = new Map(findings.map((each) => [JSON.stringify(each), each]));
  const place = (each: LintFinding): string =>
    `${each.severity} ${policyLabel(each.policy)} ${String(each.rule + 1).padStart(4, "0")}`;
  return [...once.values()].sort((a, b) => (place(a) < place(b) ? -1 : place(a) > place(b) ? 1 : 0));
}
