/** Whether a change may be made in view of the traffic that was seen. */
import type { FlipView, SimulationView } from "#api";
import { type Problem, problem } from "#model";

/** `undecided`: what cannot be known is let through. */
export type GuardAllowance = "nothing" | "undecided";

const TOLD_MAX = 20;

/** Why the change is refused: one problem for each kind of request that it would newly deny, or that it cannot be known of. */
export function guardProblems(simulated: SimulationView, allowed: GuardAllowance): readonly Problem[] {
  const denied = simulated.flips.filter(({ to }) => to === "deny");
  const problems = [
    ...summary("HDL_POLICY_GUARD", simulated.newlyDenied, "would be denied"),
    ...denied.slice(0, TOLD_MAX).map((each) => refusal("HDL_POLICY_GUARD", each, `would be denied by ${each.by}`)),
  ];
  if (allowed === "undecided") return problems;
  return [
    ...problems,
    ...summary("HDL_POLICY_GUARD_UNDECIDED", simulated.undecidedRequests, "may be denied, which cannot be known"),
    ...simulated.undecided
      .slice(0, TOLD_MAX)
      .map((each) =>
        refusal("HDL_POLICY_GUARD_UNDECIDED", each, `may be denied: not recorded are ${each.missing.join(", ")}`),
      ),
  ];
}

type GuardCode = "HDL_POLICY_GUARD" | "HDL_POLICY_GUARD_UNDECIDED";

function summary(code: GuardCode, requests: number, what: string): readonly Problem[] {
  return requests === 0 ? [] : [problem(code, `${requests} requests that were seen ${what}; nothing was changed`)];
}

type Told = Omit<FlipView, "to" | "by" | "rule" | "basis">;

function refusal(code: GuardCode, told: Told, what: string): Problem {
  const { source, destination, method, path, count, lastSeenMs, sourceOwner } = told;
  const asked = [method, path].filter((each) => each !== "").join(" ");
  const owner = sourceOwner === "" ? "" : `, owner of the caller ${sourceOwner}`;
  const seen = `${count} times, last at ${new Date(lastSeenMs).toISOString()}${owner}`;
  return problem(code, `${source} → ${destination}${asked === "" ? "" : ` ${asked}`} (${seen}) ${what}`);
}
