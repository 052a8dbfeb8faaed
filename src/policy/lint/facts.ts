import type { AccessPolicy, AuthorizationPolicy, NetworkPolicy } from "#model";
import type { LabelledObject } from "#policy";

/** A workload that runs, or is written down as one. */
export interface KnownWorkload {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface KnownService {
  readonly namespace: string;
  readonly name: string;
}

/** What is known of the mesh that the policies speak of. */
export interface LintFacts {
  readonly trustDomain: string;
  /** The trust domains beside the own one whose workloads may call. */
  readonly federated: readonly string[];
  readonly rootNamespace: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  readonly namespaces: readonly LabelledObject[];
  readonly accounts: readonly LabelledObject[];
  readonly workloads: readonly KnownWorkload[];
  readonly services: readonly KnownService[];
  /** Names of the external authorizers that agents can ask. */
  readonly authorizers: readonly string[];
}

export type AnyPolicy = AuthorizationPolicy | AccessPolicy | NetworkPolicy;
