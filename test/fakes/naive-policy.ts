import type { RequestAttributes, Rule, RuleSet } from "#policy";

/**
 * Istio's AuthorizationPolicy in the most literal words, without tables: what the compiled evaluator is compared with.
 * `readings` are the forms in which the path may be understood.
 */
export function decideNaively(
  ruleSets: readonly RuleSet[],
  request: RequestAttributes,
  readings: readonly string[],
): "allow" | "deny" {
  const matches = (ruleSet: RuleSet, path: string): boolean[] =>
    ruleSet.rules.flatMap((rule) => pairsOf(rule).map((pair) => holds(pair, { ...request, path }, ruleSet.action)));
  for (const ruleSet of ruleSets.filter(({ action }) => action === "DENY")) {
    if (readings.some((path) => matches(ruleSet, path).includes(true))) return "deny";
  }
  const allows = ruleSets.filter(({ action }) => action === "ALLOW");
  if (allows.length === 0) return "allow";
  const isAllowed = allows.some((ruleSet) => {
    const [first = [], ...others] = readings.map((path) => matches(ruleSet, path));
    return first.some((matched, index) => matched && others.every((reading) => reading[index] === true));
  });
  return isAllowed ? "allow" : "deny";
}

type Lists = Readonly<Record<string, readonly string[]>>;

function pairsOf(rule: Rule): readonly Lists[] {
  const from = rule.from.length === 0 ? [{}] : rule.from;
  const to = rule.to.length === 0 ? [{}] : rule.to;
  return from.flatMap((source) => to.map((operation) => ({ ...source, ...operation })));
}

function holds(lists: Lists, request: RequestAttributes, action: "ALLOW" | "DENY"): boolean {
  const host = request.host.toLowerCase();
  const attributes: readonly [string, readonly string[], boolean][] = [
    ["principals", [request.principal], false],
    ["namespaces", [request.namespace], false],
    ["methods", [request.method], true],
    ["paths", [request.path], true],
    ["ports", [String(request.port)], false],
    ["hosts", [host, host.replace(/:[0-9]*$/, "").replace(/\.$/, "")], true],
  ];
  return attributes.every(([name, values, isHttp]) => {
    const wanted = lists[name] ?? [];
    const unwanted = lists[`not${name[0]?.toUpperCase()}${name.slice(1)}`] ?? [];
    if (wanted.length + unwanted.length === 0) return true;
    if (isHttp && request.protocol === "tcp") return action === "DENY";
    const fold = (pattern: string): string => (name === "hosts" ? pattern.toLowerCase() : pattern);
    const inList = (patterns: readonly string[]): boolean =>
      patterns.some((pattern) => values.some((value) => matchesPattern(fold(pattern), value)));
    return (wanted.length === 0 || inList(wanted)) && !inList(unwanted);
  });
}

function matchesPattern(pattern: string, value: string): boolean {
  if (pattern === "*") return value !== "";
  if (pattern.endsWith("*")) return value.startsWith(pattern.slice(0, -1));
  if (pattern.startsWith("*")) return value.endsWith(pattern.slice(1));
  return value === pattern;
}
