/** Kubernetes' NetworkPolicy (`networking.k8s.io/v1`) after defaults. */
import { hasLabels } from "./labels.ts";
import type { ResourceOf } from "./resource-of.ts";

export interface LabelRequirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values: readonly string[];
}

/** All must hold; one that says nothing selects everything. */
export interface LabelSelector {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly LabelRequirement[];
}

export type NetworkPeer =
  | { readonly kind: "block"; readonly cidr: string; readonly except: readonly string[] }
  /** Undefined namespaces are the policy's own; undefined pods are all. */
  | {
      readonly kind: "pods";
      readonly namespaceSelector: LabelSelector | undefined;
      readonly podSelector: LabelSelector | undefined;
    };

export interface NetworkPort {
  readonly protocol: "TCP" | "UDP" | "SCTP";
  /** Undefined is every port. */
  readonly port: number | undefined;
  /** The last of a range that begins with `port`. */
  readonly endPort: number | undefined;
}

export interface NetworkRule {
  /** Who calls, or who is called: any of these; empty for everybody. */
  readonly peers: readonly NetworkPeer[];
  /** Any of these; empty for every port. */
  readonly ports: readonly NetworkPort[];
}

export interface NetworkPolicy extends ResourceOf<"networking.k8s.io/v1", "NetworkPolicy"> {
  readonly spec: {
    readonly podSelector: LabelSelector;
    /**
     * A workload that any policy selects lets in only what one of its policies' rules lets in. Undefined where the policy is not about what
     * comes in (`policyTypes`): it then closes nothing.
     */
    readonly ingress: readonly NetworkRule[] | undefined;
    /** The same of whom the workload calls. */
    readonly egress: readonly NetworkRule[] | undefined;
  };
}

/** Whether the labels are such as the selector wants. */
export function meetsSelector(
  labels: Readonly<Record<string, string>>,
  { matchLabels, matchExpressions }: LabelSelector,
): boolean {
  return hasLabels(labels, matchLabels) && matchExpressions.every((each) => meetsRequirement(labels[each.key], each));
}

function meetsRequirement(value: string | undefined, { operator, values }: LabelRequirement): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}
