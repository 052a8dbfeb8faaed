/** The one form that every policy kind is lowered to. Plain data, so that it travels to an agent as it is. */
import type { AuthorizationPolicy } from "#model";

export interface PolicyRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/**
 * String lists match as Istio's do: `abc` exactly, `abc*` as a prefix, `*abc` as a suffix, `*` anything that is present. A list is
 * an OR and an empty one does not constrain; `not` lists refuse what they match.
 */
export interface SourceMatch {
  /** `<trust domain>/ns/<namespace>/sa/<service account>`, without a scheme. */
  readonly principals: readonly string[];
  readonly notPrincipals: readonly string[];
  readonly namespaces: readonly string[];
  readonly notNamespaces: readonly string[];
}

export interface OperationMatch {
  readonly methods: readonly string[];
  readonly notMethods: readonly string[];
  readonly paths: readonly string[];
  readonly notPaths: readonly string[];
  readonly ports: readonly string[];
  readonly notPorts: readonly string[];
  readonly hosts: readonly string[];
  readonly notHosts: readonly string[];
}

/** `from` AND `to`; each is an OR of its elements, and an empty one does not constrain. */
export interface Rule {
  readonly from: readonly SourceMatch[];
  readonly to: readonly OperationMatch[];
}

export interface RuleSet {
  readonly ref: PolicyRef;
  readonly action: "ALLOW" | "DENY";
  /** No rule never matches: an ALLOW then denies everything, a DENY does nothing. */
  readonly rules: readonly Rule[];
}

/** `AuthorizationPolicy/shop/cart-callers`: how logs, flows and answers name a policy. */
export function policyLabel(ref: PolicyRef): string {
  return `${ref.kind}/${ref.namespace}/${ref.name}`;
}

/** Istio's AuthorizationPolicy (`security.istio.io/v1`) as a rule set. */
export function lowerAuthorizationPolicy(policy: AuthorizationPolicy): RuleSet {
  const { namespace, name } = policy.metadata;
  return {
    ref: { kind: "AuthorizationPolicy", namespace, name },
    action: policy.spec.action,
    rules: (policy.spec.rules ?? []).map(({ from, to }) => ({ from, to })),
  };
}

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
