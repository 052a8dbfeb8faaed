/** Rules that let in, or shut out, more than somebody is likely to have meant. */
import { policyLabel, type TermClause } from "#policy";
import { quoted, type Remark } from "./finding.ts";
import type { LintedRule } from "./linted-policy.ts";

/** A term on one of these says who calls. */
const OF_CALLERS = /^(?:source\.|request\.auth\.)/;
/** The whole of IPv4 or IPv6. */
const EVERYWHERE: ReadonlySet<string> = new Set(["0.0.0.0/0", "::/0"]);

export function breadthRemarks({ ruleSet, rule, clauses, policy }: LintedRule): readonly Remark[] {
  // Who is let in by the network alone must still be let in by the rest; Kubernetes' own kind is written so.
  if (ruleSet.action === "AUDIT" || ruleSet.action === "CUSTOM" || policy.ref.kind === "NetworkPolicy") return [];
  if (ruleSet.action === "DENY") return deniesAll(rule, clauses);
  return [
    ...new Map(clauses.flatMap((clause) => allowRemarks(rule, clause)).map((each) => [each.code, each])).values(),
  ].map((each) => (each.code === "allows-everyone" ? { ...each, fix: `${each.fix} ${holds(policy)}` } : each));
}

function holds({ ref, namespaces, selector }: LintedRule["policy"]): string {
  const isAll = Object.keys(selector.matchLabels).length === 0;
  const where = namespaces === undefined ? "the whole mesh" : [...namespaces].join(", ");
  return isAll ? `${policyLabel(ref)} holds for every workload of ${where}.` : "";
}

function deniesAll(rule: number, clauses: readonly TermClause[]): readonly Remark[] {
  if (!clauses.some(({ terms, expression, unenforceable }) => terms.length === 0 && expression + unenforceable === ""))
    return [];
  const message =
    "The rule has no condition, so that it denies every request, also of callers that ALLOW policies name.";
  const fix = "Write an ALLOW policy without rules to deny what nothing else allows.";
  return [{ code: "denies-everything", severity: "warning", rule, message, fix }];
}

function allowRemarks(rule: number, { terms, expression }: TermClause): readonly Remark[] {
  const saying = terms.filter(
    ({ patterns, isNegated }) => isNegated || !patterns.every((each) => EVERYWHERE.has(each)),
  );
  const callers = saying.filter(({ attribute }) => OF_CALLERS.test(attribute));
  const named = callers.filter(({ patterns, isNegated }) => !isNegated && !patterns.includes("*"));
  if (named.length === 0 && expression === "") return [everyone(rule, callers.length > 0, terms)];
  const foreign = named.find(
    ({ attribute, patterns }) => attribute === "source.principal" && patterns.some((each) => each.startsWith("*")),
  );
  if (foreign === undefined || named.some(({ attribute }) => attribute === "source.namespace")) return [];
  const pattern = foreign.patterns.find((each) => each.startsWith("*")) ?? "";
  const message = `${quoted(pattern)} also matches accounts of that name in other namespaces and trust domains.`;
  const fix = "Name the whole principal, or a prefix such as `trust.domain/ns/namespace/*`.";
  return [{ code: "foreign-callers", severity: "warning", rule, message, fix }];
}

function everyone(rule: number, isIdentified: boolean, terms: TermClause["terms"]): Remark {
  const spoofable = terms.find(
    ({ attribute, isNegated }) => !isNegated && /^(?:request\.headers|remote\.ip)/.test(attribute),
  );
  if (spoofable !== undefined) {
    const message = `The rule lets in whoever has the right ${quoted(spoofable.attribute)}, which a caller may write itself.`;
    const fix = "Add who may call: `principals`, `namespaces` or `serviceAccounts`.";
    return { code: "trusts-caller", severity: "warning", rule, message, fix };
  }
  const whom = isIdentified
    ? "nearly every caller that has an identity"
    : "every caller, also one without a certificate";
  const what = terms.some(({ attribute }) => !OF_CALLERS.test(attribute)) ? "what it names" : "everything";
  const message = `The rule allows ${what} to ${whom}.`;
  const fix = "Name who may call, in `from`, unless that is meant.";
  return { code: "allows-everyone", severity: "warning", rule, message, fix };
}
