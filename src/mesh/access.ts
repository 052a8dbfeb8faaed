/** The tree of namespaces, and what its AccessPolicies and postures come to at one workload. */
import {
  type AccessPolicy,
  meetsSelector,
  type Namespace,
  type NetworkPolicy,
  PARENT_LABEL,
  POSTURE_LABEL,
  type ServiceAccount,
} from "#model";
import { lowerAccessPolicy, lowerNetworkPolicy, type PolicyTarget, type RuleSet, ruleSetOf, selects } from "#policy";
import { byAge } from "./age.ts";
import type { MeshSettings } from "./settings.ts";

/** What access is decided from beside the AuthorizationPolicies. */
export interface MeshAccess {
  readonly policies: readonly AccessPolicy[];
  readonly networkPolicies: readonly NetworkPolicy[];
  readonly namespaces: readonly Namespace[];
  readonly accounts: readonly ServiceAccount[];
}

export const NO_ACCESS: MeshAccess = { policies: [], networkPolicies: [], namespaces: [], accounts: [] };

/** Deeper trees are cut off, and so is one that leads back to itself. */
const DEPTH_MAX = 32;

/** The namespaces above the given one, the root of the mesh first, itself last. */
export function lineageOf(
  namespace: string,
  namespaces: readonly Namespace[],
  rootNamespace: string,
): readonly string[] {
  const parents = new Map(namespaces.map(({ metadata }) => [metadata.name, metadata.labels[PARENT_LABEL]]));
  const lineage: string[] = [];
  let next: string | undefined = namespace;
  while (next !== undefined && next !== rootNamespace && !lineage.includes(next) && lineage.length < DEPTH_MAX) {
    lineage.unshift(next);
    next = parents.get(next);
  }
  return [rootNamespace, ...lineage];
}

/** In evaluation order, without the AuthorizationPolicies. */
export function accessRulesFor(
  target: PolicyTarget,
  { policies, networkPolicies, namespaces, accounts }: MeshAccess,
  { rootNamespace, trustDomain }: Pick<MeshSettings, "rootNamespace" | "trustDomain">,
): readonly RuleSet[] {
  const lineage = lineageOf(target.namespace, namespaces, rootNamespace);
  const proved = { trustDomain, namespaces, accounts };
  const network = selecting(target, networkPolicies).flatMap((each) => lowerNetworkPolicy(each, proved, "ingress"));
  const lowered = lineage.flatMap((namespace, depth) =>
    policies
      .filter((each) => each.metadata.namespace === namespace && selects(each, target))
      .toSorted(byAge)
      .flatMap((each) => lowerAccessPolicy(each, proved, { isBelow: namespace !== target.namespace, depth })),
  );
  return [...network, ...lowered, ...postureOf(lineage, namespaces)];
}

/** Of whom the workload may call, in evaluation order. */
export function egressRulesFor(
  target: PolicyTarget,
  { networkPolicies, namespaces, accounts }: MeshAccess,
  { trustDomain }: Pick<MeshSettings, "trustDomain">,
): readonly RuleSet[] {
  const proved = { trustDomain, namespaces, accounts };
  return selecting(target, networkPolicies).flatMap((each) => lowerNetworkPolicy(each, proved, "egress"));
}

function selecting(target: PolicyTarget, policies: readonly NetworkPolicy[]): readonly NetworkPolicy[] {
  return policies
    .filter(
      ({ metadata, spec }) => metadata.namespace === target.namespace && meetsSelector(target.labels, spec.podSelector),
    )
    .toSorted(byAge);
}

/**
 * A posture is an ALLOW that allows nothing: enforced it denies where no other allows, and in observe mode it records what it would have
 * denied. A `deny` above cannot be undone below. A word that is not known denies.
 */
function postureOf(lineage: readonly string[], namespaces: readonly Namespace[]): readonly RuleSet[] {
  const postures = lineage.flatMap((name) => {
    const posture = namespaces.find(({ metadata }) => metadata.name === name)?.metadata.labels[POSTURE_LABEL];
    return posture === undefined ? [] : [{ name, posture }];
  });
  const held = postures.find(({ posture }) => posture !== "discovery") ?? postures.at(-1);
  if (held === undefined) return [];
  const ref = { kind: "Namespace", namespace: "", name: held.name };
  return [ruleSetOf({ ref, action: "ALLOW", mode: held.posture === "discovery" ? "observe" : "enforce" })];
}
