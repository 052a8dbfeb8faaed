/** RequestAuthentications, and what they come to at one workload. */
import { lowerRequestAuthentication, type TokenRule } from "#authentication";
import { hasLabels, type IssuerKeySource, type RequestAuthentication, type Service } from "#model";
import { type PolicyTarget, policiesFor } from "#policy";
import { SERVICE_LABEL } from "./registration.ts";

/** Keys of issuers as far as they are known: a JSON Web Key Set by `issuerKeyName`. */
export type IssuerKeys = ReadonlyMap<string, string>;

/** What tokens are verified by. */
export interface MeshTokens {
  readonly policies: readonly RequestAuthentication[];
  /** The selectors of the services that the policies are attached to, by `namespace/name`; undefined for one without. */
  readonly selectors: Readonly<Record<string, Readonly<Record<string, string>> | undefined>>;
  /** By `issuerKeyName`, of the sources that the policies name. */
  readonly keys: Readonly<Record<string, string>>;
}

export const NO_TOKENS: MeshTokens = { policies: [], selectors: {}, keys: {} };

/** Under which the keys of a source are known; undefined for those that a policy holds itself. */
export function issuerKeyName(source: IssuerKeySource): string | undefined {
  switch (source.kind) {
    case "inline":
      return undefined;
    case "uri":
      return `jwks ${source.uri}`;
    case "discovery":
      return `issuer ${source.issuer}`;
  }
}

/** Holds nothing but what the policies name, so that what is unlike its predecessor makes a difference to some agent. */
export function meshTokensOf(
  policies: readonly RequestAuthentication[],
  services: readonly Service[],
  keys: IssuerKeys,
): MeshTokens {
  const targets = new Set(
    policies.flatMap(({ metadata, spec }) => spec.targetRefs.map(({ name }) => `${metadata.namespace}/${name}`)),
  );
  const selectors = services
    .map(({ metadata, spec }) => [`${metadata.namespace}/${metadata.name}`, spec.selector] as const)
    .filter(([key]) => targets.has(key));
  const named = policies.flatMap(({ spec }) => spec.jwtRules.flatMap((rule) => issuerKeyName(rule.keys) ?? []));
  const known = named.flatMap((name) => {
    const jwks = keys.get(name);
    return jwks === undefined ? [] : [[name, jwks] as const];
  });
  return { policies, selectors: Object.fromEntries(selectors), keys: Object.fromEntries(known) };
}

/** The rules of all policies in force at a workload, those of the root namespace among them; they add up. */
export function tokenRulesFor(
  workload: PolicyTarget,
  { policies, selectors, keys }: MeshTokens,
  rootNamespace: string,
): readonly TokenRule[] {
  const keysOf = (source: IssuerKeySource): string | undefined => {
    const name = issuerKeyName(source);
    return source.kind === "inline" ? source.jwks : keys[name ?? ""];
  };
  return policiesFor(workload, policies, rootNamespace)
    .filter((policy) => isTarget(workload, policy, selectors))
    .flatMap((policy) => lowerRequestAuthentication(policy, keysOf));
}

/** The issuers of a policy whose keys are not known, so that none of their tokens is taken. */
export function issuersWithoutKeys({ keys }: MeshTokens, { spec }: RequestAuthentication): readonly string[] {
  return spec.jwtRules.flatMap(({ issuer, keys: source }) => {
    const name = issuerKeyName(source);
    return name === undefined || keys[name] !== undefined ? [] : [issuer];
  });
}

/** A policy that names services is for the workloads behind them, in its own namespace. */
function isTarget(
  { namespace, labels }: PolicyTarget,
  { metadata, spec }: RequestAuthentication,
  selectors: MeshTokens["selectors"],
): boolean {
  if (spec.targetRefs.length === 0) return true;
  if (namespace !== metadata.namespace) return false;
  return spec.targetRefs.some(({ name }) => {
    const declared = labels[SERVICE_LABEL];
    if (declared !== undefined) return declared === name;
    const selector = selectors[`${namespace}/${name}`] ?? {};
    return Object.keys(selector).length > 0 && hasLabels(labels, selector);
  });
}
