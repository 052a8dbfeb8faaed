/**
 * Which rule a request meets, by the Gateway API's precedence: the most specific host name, then an exact path, a pattern, the
 * longest prefix; then a method, the most headers, the most query parameters; then the order in which rules are given.
 *
 * Paths are looked up, not tried one by one: what a request costs depends on how many segments its path has and on how many rules share
 * that very path, not on how many rules there are. Patterns are the exception; they are tried in turn.
 */
import { compilePattern, type NamedTextMatch, type PathMatch } from "#model";
import { queryValue } from "./query.ts";
import type { RouteMatch, RouteRule } from "./route-rule.ts";

/** What is matched. `fields` are names and values in turn, names in lower case. */
export interface RoutedRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly authority: string;
  readonly fields: readonly string[];
}

/** A rule with how it was met. */
export interface RouteEntry {
  readonly rule: RouteRule;
  /** The prefix that matched, without a slash at its end; "" for `/`, undefined for another kind of path. */
  readonly prefix: string | undefined;
  readonly headers: readonly Comparison[];
  readonly queryParams: readonly Comparison[];
  readonly method: string | undefined;
}

interface Comparison {
  readonly name: string;
  readonly exact: string | undefined;
  readonly pattern: RegExp | undefined;
}

/** A longer path is compared with no pattern: what one costs is bounded. */
const PATTERN_TEXT_MAX = 1024;
const SLASH = 0x2f;
const QUESTION = 0x3f;

class PathIndex {
  readonly #exact = new Map<string, RouteEntry[]>();
  readonly #patterns: { readonly pattern: RegExp; readonly entry: RouteEntry }[] = [];
  readonly #prefixes = new Map<string, RouteEntry[]>();
  /** No prefix has more segments. */
  #depthMax = 0;

  add(path: PathMatch, entry: RouteEntry): void {
    if (path.type === "Exact") push(this.#exact, path.value, entry);
    else if (path.type === "RegularExpression") {
      const pattern = patternOf(path.value);
      this.#patterns.push({ pattern, entry });
    } else {
      const prefix = entry.prefix ?? "";
      push(this.#prefixes, prefix, entry);
      this.#depthMax = Math.max(this.#depthMax, slashesIn(prefix, prefix.length));
    }
  }

  find(request: RoutedRequest, pathEnd: number): RouteEntry | undefined {
    const { target } = request;
    const path = pathEnd === target.length ? target : target.slice(0, pathEnd);
    return (
      firstMet(this.#exact.get(path), request) ?? this.#findPattern(path, request) ?? this.#findPrefix(path, request)
    );
  }

  #findPattern(path: string, request: RoutedRequest): RouteEntry | undefined {
    if (this.#patterns.length === 0 || path.length > PATTERN_TEXT_MAX) return undefined;
    return this.#patterns.find(({ pattern, entry }) => pattern.test(path) && isMet(entry, request))?.entry;
  }

  /** From the longest prefix to the shortest, which is "". */
  #findPrefix(path: string, request: RoutedRequest): RouteEntry | undefined {
    let end = endOfSegments(path, this.#depthMax);
    while (end > 0) {
      const met = firstMet(this.#prefixes.get(path.slice(0, end)), request);
      if (met !== undefined) return met;
      end = path.lastIndexOf("/", end - 1);
    }
    return firstMet(this.#prefixes.get(""), request);
  }
}

export class RouteTable {
  readonly #hosts = new Map<string, PathIndex>();
  readonly #wildcards = new Map<string, PathIndex>();
  readonly #anyHost = new PathIndex();

  constructor(rules: readonly RouteRule[]) {
    const matches = rules.flatMap((rule) => rule.matches.map((match) => ({ rule, match })));
    // Sorting is stable: what is equal stays in the order of the rules.
    const ordered = matches.toSorted((a, b) => specificityOf(b.match) - specificityOf(a.match));
    for (const { rule, match } of ordered) {
      const entry = entryOf(rule, match);
      for (const index of this.#indexesFor(rule)) index.add(match.path, entry);
    }
  }

  /** Undefined when no rule matches: the request is answered with 404. */
  find(request: RoutedRequest): RouteEntry | undefined {
    const question = request.target.indexOf("?");
    const pathEnd = question < 0 ? request.target.length : question;
    if (this.#hosts.size + this.#wildcards.size > 0) {
      const found = this.#findByHost(request, pathEnd);
      if (found !== undefined) return found;
    }
    return this.#anyHost.find(request, pathEnd);
  }

  #findByHost(request: RoutedRequest, pathEnd: number): RouteEntry | undefined {
    const host = hostOf(request.authority);
    const found = this.#hosts.get(host)?.find(request, pathEnd);
    if (found !== undefined) return found;
    for (let dot = host.indexOf("."); dot > 0; dot = host.indexOf(".", dot + 1)) {
      const met = this.#wildcards.get(host.slice(dot))?.find(request, pathEnd);
      if (met !== undefined) return met;
    }
    return undefined;
  }

  #indexesFor({ hostnames }: RouteRule): readonly PathIndex[] {
    if (hostnames.length === 0) return [this.#anyHost];
    return hostnames.map((name) => {
      const isWildcard = name.startsWith("*.");
      return indexIn(isWildcard ? this.#wildcards : this.#hosts, isWildcard ? name.slice(1) : name);
    });
  }
}

function indexIn(indexes: Map<string, PathIndex>, name: string): PathIndex {
  const held = indexes.get(name) ?? new PathIndex();
  indexes.set(name, held);
  return held;
}

/** Without the port, which says nothing about the host, in lower case. */
function hostOf(authority: string): string {
  const colon = authority.lastIndexOf(":");
  const isPort = colon > 0 && !authority.endsWith("]");
  return (isPort ? authority.slice(0, colon) : authority).toLowerCase();
}

/** Among matches of the same path: a method counts most, then headers, then parameters. At most 16 of each. */
function specificityOf({ method, headers, queryParams }: RouteMatch): number {
  return (method === undefined ? 0 : 10_000) + headers.length * 100 + queryParams.length;
}

function entryOf(rule: RouteRule, { path, headers, queryParams, method }: RouteMatch): RouteEntry {
  return {
    rule,
    prefix: path.type === "PathPrefix" ? path.value.replace(/\/+$/, "") : undefined,
    headers: headers.map(comparisonOf),
    queryParams: queryParams.map(comparisonOf),
    method,
  };
}

function comparisonOf({ name, type, value }: NamedTextMatch): Comparison {
  const isExact = type === "Exact";
  return { name, exact: isExact ? value : undefined, pattern: isExact ? undefined : patternOf(value) };
}

const MATCHES_NOTHING = /[^\s\S]/;

/** A pattern was checked where it was written; one that cannot be used all the same matches nothing. */
function patternOf(text: string): RegExp {
  const compiled = compilePattern(text);
  return compiled.ok ? compiled.value : MATCHES_NOTHING;
}

function push(into: Map<string, RouteEntry[]>, key: string, entry: RouteEntry): void {
  const held = into.get(key);
  if (held === undefined) into.set(key, [entry]);
  else held.push(entry);
}

function firstMet(entries: readonly RouteEntry[] | undefined, request: RoutedRequest): RouteEntry | undefined {
  if (entries === undefined) return undefined;
  for (const entry of entries) if (isMet(entry, request)) return entry;
  return undefined;
}

function isMet(entry: RouteEntry, request: RoutedRequest): boolean {
  if (entry.method !== undefined && entry.method !== request.method) return false;
  for (const each of entry.headers) if (!holds(each, combinedValue(request.fields, each.name))) return false;
  for (const each of entry.queryParams) if (!holds(each, queryValue(request.target, each.name))) return false;
  return true;
}

function holds({ exact, pattern }: Comparison, value: string | undefined): boolean {
  if (value === undefined) return false;
  return exact === undefined ? value.length <= PATTERN_TEXT_MAX && pattern?.test(value) === true : value === exact;
}

/** A field that stands more than once is one with its values in a list (RFC 9110 §5.3). */
function combinedValue(fields: readonly string[], name: string): string | undefined {
  let combined: string | undefined;
  for (let index = 0; index < fields.length; index += 2) {
    if (fields[index] !== name) continue;
    combined = combined === undefined ? fields[index + 1] : `${combined},${fields[index + 1]}`;
  }
  return combined;
}

function slashesIn(text: string, end: number): number {
  let slashes = 0;
  for (let at = 0; at < end; at++) if (text.charCodeAt(at) === SLASH) slashes++;
  return slashes;
}

/** Where the first so many segments of a path end. */
function endOfSegments(path: string, count: number): number {
  let slashes = 0;
  for (let at = 0; at < path.length; at++) {
    const character = path.charCodeAt(at);
    if (character === QUESTION) return at;
    if (character === SLASH && ++slashes > count) return at;
  }
  return path.length;
}
