/** What the caller's own agent makes of a call before it comes to the destination. */
import type { OutcomeView } from "#api";
import { explain, type RequestAttributes, wholeRequest } from "#policy";
import type { CallerEgress } from "./caller-egress.ts";
import { consideredOf, toldOf } from "./outcome.ts";

/** One outcome for each of the caller's workloads whose policies differ. What is not let out never comes to the destination. */
export function throughEgress(
  egress: readonly CallerEgress[],
  callee: RequestAttributes,
  atDestination: OutcomeView,
): readonly OutcomeView[] {
  if (egress.length === 0) return [atDestination];
  return egress.map(({ workloads, ruleSets, compiled }) => {
    const request = wholeRequest(callee);
    const considered = consideredOf(ruleSets, request).map((each) => ({ ...each, action: "EGRESS" }));
    const callers = egress.length === 1 ? {} : { callers: [...workloads] };
    const told = toldOf(explain(compiled, request), []);
    if (told.verdict === "allow")
      return { ...atDestination, ...callers, considered: [...considered, ...atDestination.considered] };
    return { ...told, ...callers, reason: "egress-denied", instances: atDestination.instances, considered, notes: [] };
  });
}
