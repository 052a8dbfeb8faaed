/** What follows from what: whether every request that meets one clause meets another, and whether one can meet a clause at all. */
import { type AddressBlock, parseAddressBlock } from "#model";
import { isTemplate, PathMatcher } from "./strings.ts";
import { isHttpAttribute, type Term, type TermAttribute, type TermClause } from "./terms.ts";

/**
 * Whether every request that meets `specific` meets `general` too, by terms alone: `false` also where it cannot be told. Both are read for
 * the same purpose, or `specific` to allow and `general` to deny.
 */
export function coversClause(general: TermClause, specific: TermClause): boolean {
  return coveredBy(specific)(general);
}

/** The same, for one that is compared with many. */
export function coveredBy(specific: TermClause): (general: TermClause) => boolean {
  const known = withImplied(specific.terms);
  return ({ terms, expression }) =>
    (expression === "" || expression === specific.expression) &&
    terms.every((wanted) => known.some((given) => implies(given, wanted)));
}

/** Two terms that no request meets together, when a clause of them is read to allow; undefined where none are found. */
export function conflictIn(terms: readonly Term[]): readonly [Term, Term] | undefined {
  const known = withImplied(terms);
  for (const [index, first] of known.entries()) {
    const second = known.slice(index + 1).find((each) => conflicts(first, each) || conflicts(each, first));
    if (second !== undefined) return [first, second];
  }
  return undefined;
}

/** Whether every text that the one pattern matches is matched by the other. */
export function coversPattern(attribute: TermAttribute, general: string, specific: string): boolean {
  if (attribute.endsWith(".ip")) return coversBlock(general, specific);
  if (attribute === "destination.port") return coversPorts(general, specific);
  if (attribute === "request.path") return coversPath(general, specific);
  if (attribute === "request.host") return coversText(general.toLowerCase(), specific.toLowerCase());
  if (attribute === "request.auth.principal") return general === specific || general === "*";
  return coversText(general, specific);
}

function implies(given: Term, wanted: Term): boolean {
  const { attribute } = wanted;
  if (given.attribute !== attribute) return false;
  const covers = (general: string, specific: string): boolean => coversPattern(attribute, general, specific);
  if (!wanted.isNegated)
    return !given.isNegated && given.patterns.every((each) => wanted.patterns.some((general) => covers(general, each)));
  if (given.isNegated) return wanted.patterns.every((each) => given.patterns.some((general) => covers(general, each)));
  return (
    hasOneValue(attribute) &&
    given.patterns.every((one) => wanted.patterns.every((other) => areDisjoint(attribute, one, other)))
  );
}

function conflicts(given: Term, other: Term): boolean {
  const { attribute } = given;
  if (attribute !== other.attribute || given.isNegated || !hasOneValue(attribute)) return false;
  return given.patterns.every((one) =>
    other.isNegated
      ? other.patterns.some((refused) => coversPattern(attribute, refused, one))
      : other.patterns.every((each) => areDisjoint(attribute, one, each)),
  );
}

/** A header may be sent twice, a claim may be a list, and a host is matched with its port and without. */
function hasOneValue(attribute: TermAttribute): boolean {
  return !isHttpAttribute(attribute) || attribute === "request.method" || attribute === "request.path";
}

/** What a principal says of its namespace and account, and an account of its namespace. */
function withImplied(terms: readonly Term[]): readonly Term[] {
  return [...terms, ...terms.flatMap(impliedBy)];
}

function impliedBy({ attribute, isNegated, patterns }: Term): readonly Term[] {
  if (isNegated) return [];
  if (attribute === "source.serviceAccount") return namespaceTerms(patterns.map((each) => each.split("/")[0]));
  if (attribute !== "source.principal") return [];
  const parts = patterns.map((each) => /^[^/*]+\/ns\/([^/*]+)\/sa\/([^/*]+|\*)$/.exec(each));
  const accounts = parts.flatMap((each) => (each === null || each[2] === "*" ? [] : [`${each[1]}/${each[2]}`]));
  const isExact = accounts.length === patterns.length;
  return [
    ...namespaceTerms(parts.map((each) => each?.[1])),
    ...(isExact ? [{ attribute: "source.serviceAccount", isNegated: false, patterns: accounts } as const] : []),
  ];
}

function namespaceTerms(names: readonly (string | undefined)[]): readonly Term[] {
  const patterns = names.filter((each) => each !== undefined);
  return patterns.length < names.length ? [] : [{ attribute: "source.namespace", isNegated: false, patterns }];
}

type TextForm = { readonly kind: "any" | "exact" | "prefix" | "suffix"; readonly text: string };

function formOf(pattern: string): TextForm {
  if (pattern === "*") return { kind: "any", text: "" };
  if (pattern.endsWith("*")) return { kind: "prefix", text: pattern.slice(0, -1) };
  if (pattern.startsWith("*")) return { kind: "suffix", text: pattern.slice(1) };
  return { kind: "exact", text: pattern };
}

function coversText(general: string, specific: string): boolean {
  const [wide, narrow] = [formOf(general), formOf(specific)];
  switch (wide.kind) {
    case "any":
      return specific !== "";
    case "exact":
      return general === specific;
    case "prefix":
      return (narrow.kind === "exact" || narrow.kind === "prefix") && narrow.text.startsWith(wide.text);
    case "suffix":
      return (narrow.kind === "exact" || narrow.kind === "suffix") && narrow.text.endsWith(wide.text);
  }
}

function coversPath(general: string, specific: string): boolean {
  if (general === specific) return true;
  if (isTemplate(general)) return isPlain(specific) && new PathMatcher([general]).matches(specific);
  if (!isTemplate(specific)) return coversText(general, specific);
  const head = specific.slice(0, specific.indexOf("{"));
  return general === "*" || (general.endsWith("*") && head.startsWith(general.slice(0, -1)));
}

function isPlain(path: string): boolean {
  return !isTemplate(path) && formOf(path).kind === "exact";
}

function coversPorts(general: string, specific: string): boolean {
  const [[first, last], [from, to]] = [bounds(general), bounds(specific)];
  return first <= from && to <= last;
}

function bounds(pattern: string): readonly [number, number] {
  const [first = Number.NaN, last = first] = pattern.split("-").map(Number);
  return [first, last];
}

function coversBlock(general: string, specific: string): boolean {
  const [wide, narrow] = [blockOf(general), blockOf(specific)];
  if (wide === undefined || narrow === undefined || wide.bits > narrow.bits || !sameStart(wide, narrow)) return false;
  return wide.bits >= MAPPED_BITS || !sameStart(MAPPED, narrow);
}

/** IPv4 in the form of IPv6 (RFC 4291 §2.5.5.2), which no shorter block of IPv6 means. */
const MAPPED_BITS = 96;
const MAPPED: AddressBlock = { words: [0, 0, 0xffff, 0], bits: MAPPED_BITS };

function blockOf(text: string): AddressBlock | undefined {
  const block = parseAddressBlock(text);
  return block.ok ? block.value : undefined;
}

/** Whether the second has the bits that the first fixes. */
function sameStart({ words, bits }: AddressBlock, other: AddressBlock): boolean {
  return words.every((word, index) => {
    const left = Math.min(32, Math.max(0, bits - index * 32));
    const mask = left === 0 ? 0 : (0xffff_ffff << (32 - left)) >>> 0;
    return ((word ^ (other.words[index] as number)) & mask) === 0;
  });
}

function areDisjoint(attribute: TermAttribute, one: string, other: string): boolean {
  if (attribute.endsWith(".ip")) return !coversBlock(one, other) && !coversBlock(other, one);
  if (attribute === "destination.port") {
    const [[first, last], [from, to]] = [bounds(one), bounds(other)];
    return last < from || to < first;
  }
  return isTemplate(one) || isTemplate(other) ? isDisjointTemplate(one, other) : areDisjointTexts(one, other);
}

function areDisjointTexts(one: string, other: string): boolean {
  const [left, right] = [formOf(one), formOf(other)];
  if (left.kind === "exact" || right.kind === "exact") return !coversText(one, other) && !coversText(other, one);
  if (left.kind === "any" || right.kind === "any" || left.kind !== right.kind) return false;
  if (left.kind === "prefix") return !left.text.startsWith(right.text) && !right.text.startsWith(left.text);
  return !left.text.endsWith(right.text) && !right.text.endsWith(left.text);
}

function isDisjointTemplate(one: string, other: string): boolean {
  if (isTemplate(one) && isTemplate(other)) return false;
  const [template, text] = isTemplate(one) ? [one, other] : [other, one];
  return isPlain(text) && !new PathMatcher([template]).matches(text);
}
