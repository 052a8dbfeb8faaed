/** Policies that are over, or never will be in force. */
import { type RuleSet, ruleSetsAt } from "#policy";
import type { Remark } from "./finding.ts";
import type { LintedPolicy } from "./linted-policy.ts";

/** A schedule repeats every week; a day more for clocks that are put back. */
const AHEAD_MS = 8 * 86_400_000;
/** As often as a schedule of sixteen windows can change in that time. */
const CHANGES_MAX = 2000;

export function lifetimeRemarks({ ruleSets }: LintedPolicy, nowMs: number): readonly Remark[] {
  const [ruleSet] = ruleSets;
  if (ruleSet === undefined) return [];
  const { expiresAtMs } = ruleSet.validity;
  if (expiresAtMs === undefined || isEverInForce(ruleSet, nowMs)) return [];
  const when = new Date(expiresAtMs).toISOString();
  const isOver = expiresAtMs <= nowMs;
  const allows =
    ruleSet.action === "ALLOW"
      ? "allows nothing any more, and still denies what nothing else allows"
      : "rejects nothing any more";
  const message = isOver
    ? `The policy ended at ${when}: it ${allows}.`
    : `The policy ends at ${when}, before its schedule would next put it in force.`;
  return [
    { code: "expired", severity: "error", rule: -1, message, fix: "Delete the policy, or give it a later `expires`." },
  ];
}

function isEverInForce(ruleSet: RuleSet, nowMs: number): boolean {
  const rules = [{ ...ruleSet, rules: [...ruleSet.rules] }];
  let atMs = nowMs;
  for (let change = 0; change < CHANGES_MAX && atMs < nowMs + AHEAD_MS; change++) {
    const { ruleSets, untilMs } = ruleSetsAt(rules, atMs);
    if (ruleSets === rules) return true;
    if (!Number.isFinite(untilMs)) return false;
    atMs = untilMs;
  }
  return false;
}
