/** Rules that no request can match, or that cannot be decided where they are enforced. */
import { canonicalPath, conflictIn, isAmbiguous, type Term, type TermClause } from "#policy";
import { quoted, type Remark } from "./finding.ts";
import type { LintedRule } from "./linted-policy.ts";

/** A rule of which no clause can match is told once, with the reason of its first. */
export function matchingRemarks(
  { ruleSet, rule, clauses }: LintedRule,
  authorizers: readonly string[],
): readonly Remark[] {
  const isAllowing = ruleSet.action === "ALLOW";
  if (ruleSet.action === "CUSTOM" && !authorizers.includes(ruleSet.provider))
    return [unaskable(rule, ruleSet.provider)];
  const undecidable = clauses.find(({ unenforceable }) => unenforceable !== "");
  const remarks = undecidable === undefined ? [] : [undecided(rule, undecidable.unenforceable, isAllowing)];
  const unknown = clauses.flatMap(({ terms }) => terms).find(({ attribute }) => attribute === "connection.sni");
  if (unknown !== undefined) remarks.push(ofPassedTls(rule, isAllowing));
  const faults = clauses.map((clause) => faultOf(clause, isAllowing));
  const [first] = faults;
  if (first !== undefined && !faults.includes(undefined))
    remarks.push({ code: "unreachable", severity: "error", rule, ...first });
  return remarks;
}

type Fault = Pick<Remark, "message" | "fix">;

function faultOf({ terms }: TermClause, isAllowing: boolean): Fault | undefined {
  const fault = terms.map((term) => patternFault(term, isAllowing)).find((each) => each !== undefined);
  if (fault !== undefined || !isAllowing) return fault;
  const conflict = conflictIn(terms);
  if (conflict === undefined) return undefined;
  const [one, other] = conflict.map(({ attribute, isNegated, patterns }) =>
    quoted(`${attribute} ${isNegated ? "not " : ""}${patterns.join(", ")}`),
  );
  return {
    message: `No request has both ${one} and ${other}.`,
    fix: "Correct one of the two, or make two rules of them.",
  };
}

/** Why none of the term's patterns can match; undefined where one can. */
function patternFault({ attribute, isNegated, patterns }: Term, isAllowing: boolean): Fault | undefined {
  if (isNegated) return undefined;
  const faults = patterns.map((pattern) => faultsByAttribute(attribute, pattern, isAllowing));
  return faults.includes(undefined) ? undefined : faults[0];
}

function faultsByAttribute(attribute: Term["attribute"], pattern: string, isAllowing: boolean): Fault | undefined {
  if (attribute === "request.path") return pathFault(pattern, isAllowing);
  if (attribute === "request.method" && pattern !== pattern.toUpperCase())
    return {
      message: `Methods are in capitals, and ${quoted(pattern)} is not.`,
      fix: `Write ${quoted(pattern.toUpperCase())}.`,
    };
  if (attribute === "source.principal" && pattern.startsWith("spiffe://"))
    return {
      message: `A principal has no scheme, and ${quoted(pattern)} has.`,
      fix: `Write ${quoted(pattern.slice("spiffe://".length))}.`,
    };
  if (attribute === "destination.port" && pattern === "0")
    return { message: "Nothing listens on port 0.", fix: "Write the port of the app." };
  return undefined;
}

function pathFault(pattern: string, isAllowing: boolean): Fault | undefined {
  if (/[?#]/.test(pattern))
    return {
      message: `A path has no query, and ${quoted(pattern)} has.`,
      fix: `Write ${quoted(pattern.split(/[?#]/)[0] ?? "")}.`,
    };
  if (!/^[/*{]/.test(pattern))
    return {
      message: `A path begins with a slash, and ${quoted(pattern)} does not.`,
      fix: `Write ${quoted(`/${pattern}`)}.`,
    };
  const isExact = !/[*{]/.test(pattern);
  if (!isAllowing || !isExact || !isAmbiguous(pattern) || canonicalPath(pattern) === pattern) return undefined;
  const plain = canonicalPath(pattern);
  return {
    message: `${quoted(pattern)} can be read as ${quoted(plain)} too, and an ALLOW must match every reading.`,
    fix: `Write ${quoted(plain)}.`,
  };
}

/** Agents read it of TLS that they pass on to the app; of what came through TLS of another agent's it is not known. */
function ofPassedTls(rule: number, isAllowing: boolean): Remark {
  const effect = isAllowing ? "the rule never allows one" : "the rule matches each of them";
  const message = `${quoted("connection.sni")} is not known of requests of HTTP from other agents: ${effect}.`;
  const fix =
    "Keep it for services whose callers speak TLS of their own to the app, and name ports that serve nothing else.";
  return { code: "unenforceable", severity: "warning", rule, message, fix };
}

function undecided(rule: number, why: string, isAllowing: boolean): Remark {
  const effect = isAllowing ? "it never allows" : "it always matches";
  const message = `The rule cannot be decided where it is enforced, and ${effect}: ${why}.`;
  const fix = "Write it by what is known there: the principal, its namespace and account, the address and the request.";
  return { code: "unenforceable", severity: "error", rule, message, fix };
}

function unaskable(rule: number, provider: string): Remark {
  const message = `There is no AuthorizationProvider ${quoted(provider)}, and agents deny what this rule matches.`;
  const fix = "Correct the name, or apply an AuthorizationProvider that bears it.";
  return { code: "unenforceable", severity: "error", rule, message, fix };
}
