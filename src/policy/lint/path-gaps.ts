/** Rules of paths and methods that are easily walked around. Paths are case-sensitive and compared as whole texts. */
import { coversPattern, type Term, type TermClause } from "#policy";
import { quoted, type Remark } from "./finding.ts";
import type { LintedRule } from "./linted-policy.ts";

export function pathGapRemarks({ ruleSet, rule, clauses }: LintedRule): readonly Remark[] {
  const isAllowing = ruleSet.action === "ALLOW";
  const restricting = clauses.flatMap(({ terms }) => terms).filter(({ attribute }) => attribute === "request.path");
  const gaps = restricting.flatMap((term) => (term.isNegated === isAllowing ? denyGaps(term) : allowGaps(term)));
  const methods = isAllowing ? [] : clauses.flatMap(methodGaps);
  return [...new Map([...gaps, ...methods].map((each) => [each.message, each])).values()].map((each) => ({
    code: "path-gap",
    severity: "warning",
    rule,
    ...each,
  }));
}

type Gap = Pick<Remark, "message" | "fix">;

/** Of paths that are to be kept away from. */
function denyGaps({ patterns }: Term): readonly Gap[] {
  const isLeft = (path: string): boolean => !patterns.some((each) => coversPattern("request.path", each, path));
  return patterns.flatMap((pattern) => {
    if (pattern.includes("{") || pattern.startsWith("*") || pattern === "/") return [];
    return pattern.endsWith("*") ? folderGaps(pattern, isLeft) : exactGaps(pattern, isLeft);
  });
}

type IsLeft = (path: string) => boolean;

function folderGaps(pattern: string, isLeft: IsLeft): readonly Gap[] {
  const folder = pattern.slice(0, -2);
  if (!pattern.endsWith("/*") || folder === "" || !isLeft(folder)) return [];
  return [gap(`${quoted(pattern)} leaves ${quoted(folder)} itself`, `Add ${quoted(folder)} to the list.`)];
}

function exactGaps(pattern: string, isLeft: IsLeft): readonly Gap[] {
  const below = pattern.endsWith("/") ? `${pattern}*` : `${pattern}/*`;
  if (!isLeft(below)) return [];
  const more = `${quoted(pattern)} is that path alone and leaves ${quoted(below)}`;
  return [gap(`${more}, which many apps take for the same or for parts of it`, `Add ${quoted(below)} to the list.`)];
}

/** Of paths that are let in. */
function allowGaps({ patterns }: Term): readonly Gap[] {
  return patterns.flatMap((pattern) => {
    if (pattern === "*" || pattern.includes("{")) return [];
    if (pattern.startsWith("*"))
      return [
        gap(
          `${quoted(pattern)} is met by every path that ends so, whatever it begins with, such as ${quoted(`/admin${pattern.slice(1)}`)}`,
          "Say what the path begins with: `/{*}` for one segment, `/{**}` for several, and then the ending.",
        ),
      ];
    if (!pattern.endsWith("*") || pattern.endsWith("/*")) return [];
    const stem = pattern.slice(0, -1);
    return [
      gap(
        `${quoted(pattern)} is met by every path that begins so, also by ${quoted(`${stem}-internal`)}`,
        `Write ${quoted(stem)} and ${quoted(`${stem}/*`)}.`,
      ),
    ];
  });
}

/** Who answers GET mostly answers HEAD too (RFC 9110 §9.3.2). */
function methodGaps({ terms }: TermClause): readonly Gap[] {
  const methods =
    terms.find(({ attribute, isNegated }) => attribute === "request.method" && !isNegated)?.patterns ?? [];
  if (!methods.includes("GET") || methods.some((each) => each === "HEAD" || each === "*" || each === "HE*")) return [];
  return [gap("`GET` leaves `HEAD`, which tells the same but for the body", "Add `HEAD` to the methods.")];
}

function gap(message: string, fix: string): Gap {
  return { message: `${message}.`, fix };
}
