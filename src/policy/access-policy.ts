/**
 * AccessPolicy (`heddle.dev/v1`) as rule sets.
 *
 * An agent knows of a caller its principal, its address and its token, so subjects by label are resolved before they travel: to the
 * namespaces and service accounts whose own objects carry the labels. What a workload says of itself counts for nothing here.
 */
import { type AccessPolicy, type AccessRule, type AccessSubject, hasLabels } from "#model";
import {
  type ConditionMatch,
  type Rule,
  type RuleSet,
  ruleOf,
  ruleSetOf,
  type SourceMatch,
  sourceMatch,
  WORKLOAD_TIER,
} from "./rule-set.ts";

/** An object whose labels an administrator has set. */
export interface LabelledObject {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
  };
}

/** Who is known to be what. */
export interface ProvedAttributes {
  readonly trustDomain: string;
  readonly namespaces: readonly LabelledObject[];
  readonly accounts: readonly LabelledObject[];
}

/** The policy for a workload of its own namespace, or of one that is `below` it; undefined where it does not hold. */
export function lowerAccessPolicy(
  { metadata, spec }: AccessPolicy,
  proved: ProvedAttributes,
  place: { readonly isBelow: boolean; readonly depth: number },
): readonly RuleSet[] {
  if (place.isBelow && spec.propagation === "None") return [];
  const ref = { kind: "AccessPolicy", namespace: metadata.namespace, name: metadata.name };
  const tier = spec.propagation === "Guardrail" ? guardrailTier(place.depth) : WORKLOAD_TIER;
  const body = {
    ref,
    tier,
    isFallback: spec.fallback,
    validity: validityOf(spec),
    action: spec.action === "Allow" ? "ALLOW" : "DENY",
  } as const;
  return (["Enforce", "Observe"] as const).flatMap((mode) => {
    if (!spec.rules.some((rule) => rule.mode === mode)) return [];
    const rules = spec.rules.flatMap((rule, index) => (rule.mode === mode ? lowerRule(rule, index, proved) : []));
    return [ruleSetOf({ ...body, mode: mode === "Enforce" ? "enforce" : "observe", rules })];
  });
}

function validityOf({ expiresAtMs, schedule }: AccessPolicy["spec"]): RuleSet["validity"] {
  return { expiresAtMs, schedule };
}

/** Of the guardrails of a namespace so far below the root of its tree. The network's tier is lower still. */
function guardrailTier(depth: number): number {
  return Math.min(1 + depth, WORKLOAD_TIER - 1);
}

/** A rule for each subject that somebody can be. */
function lowerRule(
  { subjects, operations, condition }: AccessRule,
  index: number,
  proved: ProvedAttributes,
): readonly Rule[] {
  if (subjects.length === 0) return [ruleOf({ index, to: operations, expression: condition })];
  return subjects.flatMap((subject) => {
    const callers = callersOf(subject, proved);
    if (callers === undefined) return [];
    const from = [sourceMatch({ ...callers, ipBlocks: subject.addresses })];
    return [ruleOf({ index, from, to: operations, when: conditionsOf(subject), expression: condition })];
  });
}

function conditionsOf({ identities, claims }: AccessSubject): readonly ConditionMatch[] {
  const conditions = Object.entries(claims).map(([name, values]) => ({ key: `request.auth.claims[${name}]`, values }));
  const named = identities.length === 0 ? [] : [{ key: "source.principal", values: identities }];
  return [...named, ...conditions].map((each) => ({ ...each, notValues: [] }));
}

/**
 * The namespaces and accounts that the subject comes to; undefined when nobody is meant. They are those of the own trust domain: another
 * may have the same names for others.
 */
function callersOf(
  { namespaces, namespaceLabels, accountLabels }: AccessSubject,
  proved: ProvedAttributes,
): Partial<SourceMatch> | undefined {
  const [isByNamespace, isByAccount] = [hasAny(namespaceLabels) || namespaces.length > 0, hasAny(accountLabels)];
  if (!isByNamespace && !isByAccount) return {};
  const labelledSo = hasAny(namespaceLabels) ? labelled(proved.namespaces, namespaceLabels) : namespaces;
  const meant = namespaces.length === 0 ? labelledSo : labelledSo.filter((each) => namespaces.includes(each));
  const serviceAccounts = isByAccount ? labelled(proved.accounts, accountLabels) : [];
  if ((isByNamespace && meant.length === 0) || (isByAccount && serviceAccounts.length === 0)) return undefined;
  return { principals: [`${proved.trustDomain}/ns/*`], namespaces: meant, serviceAccounts };
}

function hasAny(labels: Readonly<Record<string, string>>): boolean {
  return Object.keys(labels).length > 0;
}

function labelled(objects: readonly LabelledObject[], wanted: Readonly<Record<string, string>>): readonly string[] {
  return objects
    .filter(({ metadata }) => hasLabels(metadata.labels, wanted))
    .map(({ metadata: { namespace, name } }) => (namespace === "" ? name : `${namespace}/${name}`))
    .sort();
}
