/** Where a policy holds. */
import { hasLabels } from "#model";

/** What of a workload a policy's scope looks at. */
export interface PolicyTarget {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What of a policy says where it holds, whatever its kind. */
export interface ScopedPolicy {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: { readonly selector: Readonly<Record<string, string>> | undefined };
}

/** Whether the policy's selector means the workload, wherever it is; none means all. */
export function selects({ spec }: Pick<ScopedPolicy, "spec">, { labels }: PolicyTarget): boolean {
  return hasLabels(labels, spec.selector ?? {});
}

/** The policies in force at a workload: those of its namespace and of the root namespace whose selector it meets, in order of name. */
export function policiesFor<T extends ScopedPolicy>(
  target: PolicyTarget,
  policies: readonly T[],
  rootNamespace: string,
): readonly T[] {
  const applies = (policy: T): boolean =>
    (policy.metadata.namespace === target.namespace || policy.metadata.namespace === rootNamespace) &&
    selects(policy, target);
  return policies.filter(applies).sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
}

function orderOf({ metadata }: ScopedPolicy): string {
  return `${metadata.namespace}/${metadata.name}`;
}
