/** The one form that every policy kind is lowered to. Plain data, so that it travels to an agent as it is. */
import type { AuthorizationAction, AuthorizationCondition, AuthorizationOperation, AuthorizationSource } from "#model";
import { ALWAYS, type Validity } from "./validity.ts";

export interface PolicyRef {
  readonly kind: string;
  /** Empty for what has no namespace. */
  readonly namespace: string;
  readonly name: string;
}

/**
 * Who calls. String lists match as Istio's do: `abc` exactly, `abc*` as a prefix, `*abc` as a suffix, `*` anything that is present. A
 * list is an OR and an empty one does not constrain; `not` lists refuse what they match. Service accounts are `namespace/account`.
 */
export type SourceMatch = AuthorizationSource;
/** What is called. Ports may be ranges, `8000-8999`. Paths may hold Istio's `{*}` for one segment and `{**}` for any number of them. */
export type OperationMatch = AuthorizationOperation;
/** Something else that must hold, by a key that `parseConditionKey` knows. */
export type ConditionMatch = AuthorizationCondition;

/** `from` AND `to` AND `when`. The first two are an OR of their elements, `when` an AND; an empty one does not constrain. */
export interface Rule {
  /** Place in its policy, as the user wrote it. */
  readonly index: number;
  readonly from: readonly SourceMatch[];
  readonly to: readonly OperationMatch[];
  readonly when: readonly ConditionMatch[];
  /** In the Common Expression Language, and must hold too; "" for nothing. */
  readonly expression: string;
  /**
   * Why the rule cannot be decided where it is enforced, or "". Such a rule restricts: as DENY it matches everything, as ALLOW nothing,
   * and the decision says so.
   */
  readonly unenforceable: string;
}

/** `observe` decides and records, and changes no verdict. */
export type PolicyMode = "enforce" | "observe";

/** The tier of everything that is written for the workload itself; what stands above it has a lower one. */
export const WORKLOAD_TIER = 100;

interface RuleSetBody {
  readonly ref: PolicyRef;
  /**
   * Tiers are decided one after the other, the lowest first, each for itself; a request must pass them all, so that no tier weakens
   * another.
   */
  readonly tier: number;
  readonly mode: PolicyMode;
  readonly validity: Validity;
  /** Asked only when nothing else of its tier has matched. */
  readonly isFallback: boolean;
  /** No rule never matches: an ALLOW then denies everything, the others do nothing. */
  readonly rules: readonly Rule[];
}

/** `AUDIT` marks and decides nothing; `CUSTOM` lets an external authorizer decide first, whose denial stands. */
export type RuleSet = AuthorizationAction & RuleSetBody;

/** `AuthorizationPolicy/shop/cart-callers`: how logs, flows and answers name a policy. */
export function policyLabel({ kind, namespace, name }: PolicyRef): string {
  return namespace === "" ? `${kind}/${name}` : `${kind}/${namespace}/${name}`;
}

/** Any source but for what is said. */
export function sourceMatch(said: Partial<SourceMatch> = {}): SourceMatch {
  return {
    principals: [],
    notPrincipals: [],
    requestPrincipals: [],
    notRequestPrincipals: [],
    namespaces: [],
    notNamespaces: [],
    serviceAccounts: [],
    notServiceAccounts: [],
    ipBlocks: [],
    notIpBlocks: [],
    remoteIpBlocks: [],
    notRemoteIpBlocks: [],
    ...said,
  };
}

/** Any operation but for what is said. */
export function operationMatch(said: Partial<OperationMatch> = {}): OperationMatch {
  return {
    methods: [],
    notMethods: [],
    paths: [],
    notPaths: [],
    ports: [],
    notPorts: [],
    hosts: [],
    notHosts: [],
    ...said,
  };
}

/** A rule that always matches, but for what is said. */
export function ruleOf(said: Partial<Rule> = {}): Rule {
  return { index: 0, from: [], to: [], when: [], expression: "", unenforceable: "", ...said };
}

type NewRuleSet = AuthorizationAction & Pick<RuleSetBody, "ref"> & Partial<RuleSetBody>;

/** Enforced at the workload and without rules, but for what is said. */
export function ruleSetOf(said: NewRuleSet): RuleSet {
  return { tier: WORKLOAD_TIER, mode: "enforce", isFallback: false, validity: ALWAYS, rules: [], ...said };
}
