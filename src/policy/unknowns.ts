/** Conditions that cannot be judged, because what they ask of a request is not known. */
import type { Condition } from "./conditions.ts";
import { coversPattern } from "./cover.ts";
import { unknownPartsOf } from "./partial-request.ts";
import { isAmbiguous } from "./path.ts";
import type { RequestAttributes, Unknowns } from "./request.ts";
import { isTemplate, PathMatcher } from "./strings.ts";
import type { TermAttribute } from "./terms.ts";

const NOTHING: readonly TermAttribute[] = [];

/** The attributes for want of which the condition cannot be judged; only of a request with `unknowns`. */
export function unjudgedParts({ test }: Condition, request: RequestAttributes): readonly TermAttribute[] {
  const { isKnown, pathPattern } = request.unknowns as Unknowns;
  const unknown = unknownPartsOf(test, { attributes: request, isKnown });
  if (unknown.length === 0) return NOTHING;
  const isJudged =
    (test.kind === "path" && pathPattern !== "" && isSettled(test.matcher, pathPattern, request.path)) ||
    (test.kind === "requestPrincipal" && unknown.every(isSubject) && !test.matcher.dependsOnSubject(issuerOf(request)));
  return isJudged ? NOTHING : unknown;
}

function isSubject(attribute: TermAttribute): boolean {
  return attribute === "request.auth.claims[sub]";
}

function issuerOf({ claims }: RequestAttributes): string {
  const issuer = claims?.["iss"];
  return typeof issuer === "string" ? issuer : "";
}

/** Patterns of recorded paths recur, and are compared with a policy's once. */
const settled = new WeakMap<PathMatcher, Map<string, boolean>>();
const REMEMBERED_MAX = 4096;

/** Whether the matcher says the same of every path that the pattern matches. */
function isSettled(matcher: PathMatcher, pathPattern: string, onePath: string): boolean {
  // Which readings an app may make of the part that is not known cannot be told.
  if (isAmbiguous(onePath)) return false;
  let known = settled.get(matcher);
  if (known === undefined || known.size > REMEMBERED_MAX) {
    known = new Map();
    settled.set(matcher, known);
  }
  const told = known.get(pathPattern);
  if (told !== undefined) return told;
  const { patterns } = matcher;
  const isAlike =
    patterns.some((each) => coversPattern("request.path", each, pathPattern)) ||
    patterns.every((each) => isApart(each, pathPattern));
  known.set(pathPattern, isAlike);
  return isAlike;
}

/** Whether no path matches both; `false` also where it cannot be told. */
function isApart(pattern: string, pathPattern: string): boolean {
  if (pattern === "*") return false;
  if (!isTemplate(pattern) && !pattern.includes("*")) return !new PathMatcher([pathPattern]).matches(pattern);
  const [one, other] = [partsOf(pattern), partsOf(pathPattern)];
  const isStartAlike = one.head.startsWith(other.head) || other.head.startsWith(one.head);
  const isEndAlike = one.tail.endsWith(other.tail) || other.tail.endsWith(one.tail);
  return !isStartAlike || !isEndAlike;
}

interface Parts {
  readonly head: string;
  readonly tail: string;
}

/** A policy's patterns are compared with those of every recorded request, and each of these with all of a policy's. */
const taken = new Map<string, Parts>();

/** What is fixed before the first wildcard, and after the last. */
function partsOf(pattern: string): Parts {
  const known = taken.get(pattern);
  if (known !== undefined) return known;
  if (taken.size >= REMEMBERED_MAX) taken.clear();
  const parts = pattern.split(/\{\*\*?\}|\*/);
  const found = { head: parts[0] ?? "", tail: parts.at(-1) ?? "" };
  taken.set(pattern, found);
  return found;
}
