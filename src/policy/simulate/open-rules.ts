import { compilePolicy, decide, type Rule, type RuleSet, ruleSetOf } from "#policy";
import type { ReplayedRequest } from "./recorded-request.ts";

interface OpenRule {
  readonly text: string;
  readonly mayMatch: (request: ReplayedRequest) => boolean;
}

/**
 * The rules that may concern a request, whatever was not recorded of it, as one text: two states of the rules that leave the same ones open
 * decide the request alike. Each rule is asked of the one evaluator as if it stood alone.
 */
export function openRules(ruleSets: readonly RuleSet[]): (request: ReplayedRequest) => string {
  const enforced = ruleSets.filter(({ mode, action }) => mode === "enforce" && action !== "AUDIT");
  // What a policy does by being there, whichever of its rules match: deny what no rule of its tier allows, and name an authorizer.
  const standing = enforced.flatMap((each) => {
    if (each.action === "ALLOW") return [`ALLOW ${each.tier}`];
    return each.action === "CUSTOM" ? [`CUSTOM ${each.provider}`] : [];
  });
  const rules = enforced.flatMap((ruleSet) => ruleSet.rules.map((rule) => openRule(ruleSet, rule)));
  return (request) => {
    const open = rules.filter(({ mayMatch }) => mayMatch(request)).map(({ text }) => text);
    return JSON.stringify([...new Set([...standing, ...open])].sort());
  };
}

function openRule(ruleSet: RuleSet, rule: Rule): OpenRule {
  const { ref, action, tier, isFallback } = ruleSet;
  const isAllowing = action === "ALLOW";
  const alone = compilePolicy([ruleSetOf({ ref, action: isAllowing ? "ALLOW" : "DENY", rules: [rule] })]);
  const provider = ruleSet.action === "CUSTOM" ? ruleSet.provider : "";
  const { from, to, when, expression, unenforceable } = rule;
  return {
    text: JSON.stringify([action, provider, tier, isFallback, from, to, when, expression, unenforceable]),
    mayMatch: ({ restricted, permitted }) =>
      decide(alone, isAllowing ? permitted : restricted).verdict === (isAllowing ? "allow" : "deny"),
  };
}
