/** What systems that match requests by regular expressions are given. */
import { isTemplate, type Term } from "#policy";
import { escaped, textRegex } from "./regex.ts";

/** A segment that is read in one way only: not empty, not dots alone, nothing encoded, no parameters. */
const CHARACTER = "[^/%\\\\;?#]";
const SEGMENT = `(?:[^/%\\\\;?#.]|\\.[^/%\\\\;?#.]|\\.\\.${CHARACTER})${CHARACTER}*`;

/**
 * Paths of the pattern that are read in one way only, so that what allows them allows nothing that another reader takes for another path.
 * Undefined for a pattern whose paths cannot be told so.
 */
export function plainPathRegex(pattern: string): string | undefined {
  if (isTemplate(pattern)) return undefined;
  if (pattern === "*") return `/(?:${SEGMENT}(?:/${SEGMENT})*/?)?`;
  if (pattern.startsWith("*")) return undefined;
  if (!pattern.endsWith("*")) return isPlain(pattern) ? escaped(pattern) : undefined;
  const stem = pattern.slice(0, -1);
  if (stem.endsWith("/") && isPlain(stem)) return `${escaped(stem)}(?:${SEGMENT}(?:/${SEGMENT})*/?)?`;
  // A dot at the end of the stem might become two.
  if (!isPlain(stem) || stem.endsWith(".")) return undefined;
  return `${escaped(stem)}${CHARACTER}*(?:/${SEGMENT})*/?`;
}

function isPlain(path: string): boolean {
  return new RegExp(`^/(?:${SEGMENT}(?:/${SEGMENT})*/?)?$`).test(path);
}

/** What is said where `plainPathRegex` stands for a path. */
export const PLAIN_PATHS =
  "lets in only paths that are read in one way: none that is encoded or has `;`, `//` or dotted segments";

/** All methods of the term. */
export function methodRegex(patterns: readonly string[]): string {
  return patterns.map((each) => `(?:${textRegex(each)})`).join("|");
}

/** Why terms on requests cannot be held by a system that takes one list of methods and one of paths, and denies by neither. */
export function cannotBeRequest(term: Term, all: readonly Term[]): string | undefined {
  const { attribute, isNegated, patterns } = term;
  if (isNegated) return `a list of what ${attribute} must not be has no form there`;
  if (all.some((each) => each !== term && each.attribute === attribute))
    return `there is one list of ${attribute} in a rule there`;
  if (attribute === "request.method") return undefined;
  if (attribute !== "request.path") return `${attribute} has no form there`;
  const odd = patterns.find((each) => plainPathRegex(each) === undefined);
  return odd === undefined ? undefined : `paths of ${odd} could be read in other ways there`;
}
