/** Where a policy holds. */

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

/** The policies in force at a workload: those of its namespace and of the root namespace whose selector it meets, in order of name. */
export function policiesFor<T extends ScopedPolicy>(
  target: PolicyTarget,
  policies: readonly T[],
  rootNamespace: string,
): readonly T[] {
  const applies = ({ metadata, spec }: T): boolean =>
    (metadata.namespace === target.namespace || metadata.namespace === rootNamespace) &&
    Object.entries(spec.selector ?? {}).every(([label, value]) => target.labels[label] === value);
  return policies.filter(applies).sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
}

function orderOf({ metadata }: ScopedPolicy): string {
  return `${metadata.namespace}/${metadata.name}`;
}
