/** Istio's string matching, compiled: exact values in a set, the few prefixes and suffixes in lists. */
export class StringMatcher {
  readonly #exact: ReadonlySet<string>;
  readonly #prefixes: readonly string[];
  readonly #suffixes: readonly string[];
  readonly #matchesPresent: boolean;

  constructor(patterns: readonly string[]) {
    this.#matchesPresent = patterns.includes("*");
    const others = patterns.filter((pattern) => pattern !== "*");
    this.#prefixes = others.filter((pattern) => pattern.endsWith("*")).map((pattern) => pattern.slice(0, -1));
    this.#suffixes = others
      .filter((pattern) => pattern.startsWith("*") && !pattern.endsWith("*"))
      .map((pattern) => pattern.slice(1));
    this.#exact = new Set(others.filter(isExact));
  }

  matches(value: string): boolean {
    if (this.#exact.has(value)) return true;
    if (this.#matchesPresent && value !== "") return true;
    for (const prefix of this.#prefixes) if (value.startsWith(prefix)) return true;
    for (const suffix of this.#suffixes) if (value.endsWith(suffix)) return true;
    return false;
  }
}

/** Whether the pattern has only itself as a match. */
export function isExact(pattern: string): boolean {
  return !pattern.startsWith("*") && !pattern.endsWith("*");
}
