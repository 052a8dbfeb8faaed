/** Istio's AuthorizationPolicy (`security.istio.io/v1`) as a rule set. */
import { type AuthorizationPolicy, type AuthorizationSource, DRY_RUN_ANNOTATION } from "#model";
import { type RuleSet, ruleOf, ruleSetOf } from "./rule-set.ts";

export function lowerAuthorizationPolicy({ metadata, spec }: AuthorizationPolicy): RuleSet {
  const { namespace, name, annotations } = metadata;
  const { selector: _selector, rules = [], ...action } = spec;
  return ruleSetOf({
    ...action,
    ref: { kind: "AuthorizationPolicy", namespace, name },
    mode: annotations[DRY_RUN_ANNOTATION] === "true" ? "observe" : "enforce",
    rules: rules.map(({ from, to, when }, index) =>
      ruleOf({ index, from: from.map((source) => inNamespace(source, namespace)), to, when }),
    ),
  });
}

/** An account without a namespace is one of the policy's own. */
function inNamespace(source: AuthorizationSource, namespace: string): AuthorizationSource {
  const qualified = (account: string): string => (account.includes("/") ? account : `${namespace}/${account}`);
  return {
    ...source,
    serviceAccounts: source.serviceAccounts.map(qualified),
    notServiceAccounts: source.notServiceAccounts.map(qualified),
  };
}
