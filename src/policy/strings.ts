/** Istio's string matching, compiled: exact values in a set, the few prefixes and suffixes in lists. */
export class StringMatcher {
  readonly #exact: ReadonlySet<string>;
  readonly #prefixes: readonly string[];
  readonly #suffixes: readonly string[];
  /** Whether one of the patterns is `*`. */
  readonly matchesPresent: boolean;

  constructor(patterns: readonly string[]) {
    this.matchesPresent = patterns.includes("*");
    const others = patterns.filter((pattern) => pattern !== "*");
    this.#prefixes = others.filter((pattern) => pattern.endsWith("*")).map((pattern) => pattern.slice(0, -1));
    this.#suffixes = others
      .filter((pattern) => pattern.startsWith("*") && !pattern.endsWith("*"))
      .map((pattern) => pattern.slice(1));
    this.#exact = new Set(others.filter(isExact));
  }

  matches(value: string): boolean {
    if (this.#exact.has(value)) return true;
    if (this.matchesPresent && value !== "") return true;
    for (const prefix of this.#prefixes) if (value.startsWith(prefix)) return true;
    for (const suffix of this.#suffixes) if (value.endsWith(suffix)) return true;
    return false;
  }
}

/** Whether the pattern has only itself as a match. */
export function isExact(pattern: string): boolean {
  return !pattern.startsWith("*") && !pattern.endsWith("*");
}

/** Paths match as texts do, and by templates: `{*}` is one segment, `{**}` any number of characters. */
export class PathMatcher {
  readonly patterns: readonly string[];
  readonly #texts: StringMatcher;
  readonly #templates: readonly RegExp[];

  constructor(patterns: readonly string[]) {
    this.patterns = patterns;
    this.#texts = new StringMatcher(patterns.filter((pattern) => !isTemplate(pattern)));
    this.#templates = patterns.filter(isTemplate).map(templateOf);
  }

  matches(path: string): boolean {
    if (this.#texts.matches(path)) return true;
    for (const template of this.#templates) if (template.test(path)) return true;
    return false;
  }
}

/** Ports, and ranges of them such as `8000-8999`. */
export class PortMatcher {
  readonly #single: ReadonlySet<number>;
  readonly #ranges: readonly (readonly [number, number])[];

  constructor(patterns: readonly string[]) {
    const bounds = patterns.map((pattern) => pattern.split("-").map(Number));
    this.#single = new Set(bounds.flatMap(([port = Number.NaN, end]) => (end === undefined ? [port] : [])));
    this.#ranges = bounds.flatMap(([first = Number.NaN, last]) => (last === undefined ? [] : [[first, last] as const]));
  }

  matches(port: number): boolean {
    if (this.#single.has(port)) return true;
    for (const [first, last] of this.#ranges) if (port >= first && port <= last) return true;
    return false;
  }
}

/** Whether the pattern is a path template. */
export function isTemplate(pattern: string): boolean {
  return pattern.includes("{*}") || pattern.includes("{**}");
}

/** Each repetition ends at a `/` or at the end, so that no path takes long. */
function templateOf(pattern: string): RegExp {
  const parts = pattern.split(/(\{\*\*?\})/).map((part) => {
    if (part === "{*}") return "[^/]+";
    return part === "{**}" ? ".*" : part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("")}$`, "s");
}
