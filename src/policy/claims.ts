/** What a verified token says, in the words of Istio's `request.auth` attributes. */
import type { Claims } from "./request.ts";
import type { StringMatcher } from "./strings.ts";

/** Claims that hold a list in one text, as OAuth 2.0 writes scopes (RFC 6749 §3.3). */
const SPACE_DELIMITED: ReadonlySet<string> = new Set(["scope", "permission"]);

/** Whether the claim, a text or a list of texts, has a value that matches. Any other form matches nothing. */
export function matchesClaim(matcher: StringMatcher, claims: Claims | undefined, path: readonly string[]): boolean {
  const value = claimAt(claims, path);
  if (typeof value === "string") {
    if (path.length > 1 || !SPACE_DELIMITED.has(path[0] as string)) return matcher.matches(value);
    return value.split(" ").some((each) => matcher.matches(each));
  }
  if (!Array.isArray(value)) return false;
  for (const each of value) if (typeof each === "string" && matcher.matches(each)) return true;
  return false;
}

function claimAt(claims: Claims | undefined, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Claims)[name];
  }
  return value;
}

/** Issuer of the request's principal, or "" where the claims make none. */
export function requestIssuer(claims: Claims | undefined): string {
  const [issuer, subject] = [claims?.["iss"], claims?.["sub"]];
  return typeof issuer === "string" && typeof subject === "string" && subject !== "" ? issuer : "";
}

/** Issuer and subject, each matched for itself: `/` may stand in both, so their joined form could be read in two ways. */
export class RequestPrincipalMatcher {
  readonly #pairs: readonly { readonly issuer: TextTest; readonly subject: TextTest }[];

  constructor(patterns: readonly string[]) {
    this.#pairs = patterns.map(pairOf);
  }

  /** A request without a token, or whose token lacks one of the two, has no principal. */
  matches(claims: Claims | undefined): boolean {
    const [issuer, subject] = [claims?.["iss"], claims?.["sub"]];
    if (typeof issuer !== "string" || typeof subject !== "string" || issuer === "" || subject === "") return false;
    for (const pair of this.#pairs) if (passes(pair.issuer, issuer) && passes(pair.subject, subject)) return true;
    return false;
  }

  /** Whether what it says of a principal of the issuer depends on the subject. */
  dependsOnSubject(issuer: string): boolean {
    const alike = this.#pairs.filter((pair) => passes(pair.issuer, issuer));
    return alike.length > 0 && alike.every(({ subject }) => subject.kind !== "any");
  }
}

interface TextTest {
  readonly kind: "any" | "exact" | "prefix" | "suffix";
  readonly text: string;
}

const ANY: TextTest = { kind: "any", text: "" };
const exact = (text: string): TextTest => ({ kind: "exact", text });

/** The last `/` of a pattern ends the issuer, which may be a URL. */
function pairOf(pattern: string): { readonly issuer: TextTest; readonly subject: TextTest } {
  const slash = pattern.lastIndexOf("/");
  const [issuer, subject] = slash < 0 ? [pattern, ""] : [pattern.slice(0, slash), pattern.slice(slash + 1)];
  const hasSlash = slash >= 0;
  if (pattern === "*") return { issuer: ANY, subject: ANY };
  if (pattern.startsWith("*")) {
    if (!hasSlash) return { issuer: ANY, subject: { kind: "suffix", text: pattern.slice(1) } };
    const text = issuer.slice(1);
    return { issuer: text === "" ? ANY : { kind: "suffix", text }, subject: exact(subject) };
  }
  if (pattern.endsWith("*")) {
    if (!hasSlash) return { issuer: { kind: "prefix", text: pattern.slice(0, -1) }, subject: ANY };
    const text = subject.slice(0, -1);
    return { issuer: exact(issuer), subject: text === "" ? ANY : { kind: "prefix", text } };
  }
  return { issuer: exact(issuer), subject: exact(subject) };
}

function passes({ kind, text }: TextTest, value: string): boolean {
  switch (kind) {
    case "any":
      return true;
    case "exact":
      return value === text;
    case "prefix":
      return value.startsWith(text);
    case "suffix":
      return value.endsWith(text);
  }
}
