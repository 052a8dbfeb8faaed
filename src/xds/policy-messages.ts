/** Rule sets as they travel. What is not known here is refused: a rule without one of its conditions would be another. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type AccessSchedule, type AuthorizationAction, isTimeZone } from "#model";
import { policyLabel, type Rule, type RuleSet } from "#policy";
import { type InboundPolicyMessage, type InboundPolicySchema, PolicyRuleSet_Action, PolicyRuleSet_Mode } from "#proto";
import { plain } from "./plain.ts";
import { hasUnknown } from "./unknown-fields.ts";

type RuleSetMessage = InboundPolicyMessage["ruleSets"][number];
type RuleSetInit = NonNullable<MessageInitShape<typeof InboundPolicySchema>["ruleSets"]>[number];

const ACTIONS = {
  ALLOW: PolicyRuleSet_Action.ALLOW,
  DENY: PolicyRuleSet_Action.DENY,
  AUDIT: PolicyRuleSet_Action.AUDIT,
  CUSTOM: PolicyRuleSet_Action.CUSTOM,
} as const;

export function ruleSetMessage(ruleSet: RuleSet): RuleSetInit {
  const { ref, action, tier, mode, isFallback, validity, rules } = ruleSet;
  const { expiresAtMs, schedule } = validity;
  return {
    ...ref,
    action: ACTIONS[action],
    ...(ruleSet.action === "CUSTOM" ? { provider: ruleSet.provider } : {}),
    tier,
    mode: mode === "enforce" ? PolicyRuleSet_Mode.ENFORCE : PolicyRuleSet_Mode.OBSERVE,
    isFallback,
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    schedule: schedule.map((each) => ({ ...each, days: [...each.days] })),
    rules: rules.map((rule) => plain(rule) as NonNullable<RuleSetInit["rules"]>[number]),
  };
}

/** The value, or what is wrong with it. */
export function ruleSetOf(message: RuleSetMessage): RuleSet | string {
  const { kind, namespace, name, tier, isFallback, expiresAtMs, schedule, rules } = message;
  const ref = { kind, namespace, name };
  if (hasUnknown(message)) return `${policyLabel(ref)} says what is not known here`;
  const action = actionOf(message);
  // An unknown action of a newer server must not be passed over: it may be a kind of deny.
  if (action === undefined) return `${policyLabel(ref)} has an action that is not known here`;
  const mode = modeOf(message.mode);
  if (mode === undefined) return `${policyLabel(ref)} has a mode that is not known here`;
  const zone = schedule.find(({ timeZone }) => !isTimeZone(timeZone))?.timeZone;
  if (zone !== undefined) return `${policyLabel(ref)} has a time zone that is not known here, ${zone}`;
  const validity = { expiresAtMs, schedule: schedule.map((each) => plain(each) as AccessSchedule) };
  return { ref, ...action, tier, mode, isFallback, validity, rules: rules.map((rule) => plain(rule) as Rule) };
}

function actionOf({ action, provider }: RuleSetMessage): AuthorizationAction | undefined {
  if (action === PolicyRuleSet_Action.CUSTOM)
    return provider === undefined || provider === "" ? undefined : { action: "CUSTOM", provider };
  const plainAction = (["ALLOW", "DENY", "AUDIT"] as const).find((each) => ACTIONS[each] === action);
  return plainAction === undefined ? undefined : { action: plainAction };
}

function modeOf(mode: PolicyRuleSet_Mode): RuleSet["mode"] | undefined {
  if (mode === PolicyRuleSet_Mode.ENFORCE) return "enforce";
  return mode === PolicyRuleSet_Mode.OBSERVE ? "observe" : undefined;
}
