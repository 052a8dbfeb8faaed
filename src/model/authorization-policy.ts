/** Istio's AuthorizationPolicy (`security.istio.io/v1`), after defaults. */
import type { ResourceOf } from "./resource-of.ts";

export interface AuthorizationSource {
  readonly principals: readonly string[];
  readonly notPrincipals: readonly string[];
  readonly requestPrincipals: readonly string[];
  readonly notRequestPrincipals: readonly string[];
  readonly namespaces: readonly string[];
  readonly notNamespaces: readonly string[];
  /** `account` of the policy's own namespace, or `namespace/account`. */
  readonly serviceAccounts: readonly string[];
  readonly notServiceAccounts: readonly string[];
  readonly ipBlocks: readonly string[];
  readonly notIpBlocks: readonly string[];
  readonly remoteIpBlocks: readonly string[];
  readonly notRemoteIpBlocks: readonly string[];
}

export interface AuthorizationOperation {
  readonly methods: readonly string[];
  readonly notMethods: readonly string[];
  readonly paths: readonly string[];
  readonly notPaths: readonly string[];
  readonly ports: readonly string[];
  readonly notPorts: readonly string[];
  readonly hosts: readonly string[];
  readonly notHosts: readonly string[];
}

/** `key` is one that `parseConditionKey` knows. At least one of the lists says something. */
export interface AuthorizationCondition {
  readonly key: string;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

/** Inside a rule, `from` AND `to` AND `when`; a list of the first two is an OR, and an empty list does not constrain; `when` is an AND. */
export interface AuthorizationRule {
  readonly from: readonly AuthorizationSource[];
  readonly to: readonly AuthorizationOperation[];
  readonly when: readonly AuthorizationCondition[];
}

export type AuthorizationAction =
  | { readonly action: "ALLOW" | "DENY" | "AUDIT" }
  /** `provider` is the name under which the mesh knows the external authorizer. */
  | { readonly action: "CUSTOM"; readonly provider: string };

export interface AuthorizationPolicy extends ResourceOf<"security.istio.io/v1", "AuthorizationPolicy"> {
  readonly spec: AuthorizationAction & {
    /** Undefined selects every workload of the namespace (of the mesh, in the root namespace). */
    readonly selector: Readonly<Record<string, string>> | undefined;
    /** Undefined never matches (ALLOW then denies all); a rule without any condition always matches. */
    readonly rules: readonly AuthorizationRule[] | undefined;
  };
}

/** Annotation that puts an AuthorizationPolicy into observe mode when it is `"true"`. */
export const DRY_RUN_ANNOTATION = "istio.io/dry-run";
