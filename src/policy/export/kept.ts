/** What of a plan another system can hold. */
import type { Term } from "#policy";
import type { ExportNote } from "./export.ts";
import type { Plan, PlannedClause } from "./plan.ts";

/** Terms of a clause as the system writes them, or why one of them cannot be; of the rest it is not asked then. */
export type Holds = (term: Term, clause: PlannedClause) => string | undefined;

/**
 * The plan with only what can be held. A rule that allows is left out whole when one of its terms cannot be; one that denies loses the term,
 * and denies more. `cannot` says why a term cannot be held, or nothing.
 */
export function keptPlan(plan: Plan, workload: string, cannot: Holds): Plan {
  const notes: ExportNote[] = [...plan.notes];
  const note = ({ policy, rule }: PlannedClause, message: string): void => {
    notes.push({ workload, policy, rule, effect: "denies-more", message });
  };
  const allow = plan.allow?.filter((clause) => {
    const why = clause.terms.map((term) => cannot(term, clause)).find((each) => each !== undefined);
    if (why !== undefined) note(clause, `is left out and allows nothing there: ${why}`);
    return why === undefined;
  });
  const deny = plan.deny.map((clause) => {
    const terms = clause.terms.filter((term) => {
      const why = cannot(term, clause);
      if (why !== undefined) note(clause, `denies more there, without one of its conditions: ${why}`);
      return why === undefined;
    });
    return { ...clause, terms };
  });
  return { deny, allow, notes };
}
