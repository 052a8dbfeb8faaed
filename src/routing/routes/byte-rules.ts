import type { ByteRule } from "./route-rule.ts";

/**
 * The rule for a connection by the server name of its TLS: the most specific host name, then one without any, then the order in which
 * rules are given. Undefined when none is for it; `serverName` is "" for a connection that has none.
 */
export function byteRuleFor(rules: readonly ByteRule[], serverName: string): ByteRule | undefined {
  const name = serverName.toLowerCase();
  let found: ByteRule | undefined;
  let foundLength = -1;
  for (const rule of rules) {
    const length = matchLength(rule.hostnames, name);
    if (length <= foundLength) continue;
    found = rule;
    foundLength = length;
  }
  return found;
}

/** More for a more specific match; an exact name before any wildcard; -1 for none. */
function matchLength(hostnames: readonly string[], name: string): number {
  if (hostnames.length === 0) return 0;
  let longest = -1;
  for (const hostname of hostnames) {
    if (hostname === name) return Number.POSITIVE_INFINITY;
    const suffix = hostname.startsWith("*.") ? hostname.slice(1) : undefined;
    if (suffix !== undefined && name.length > suffix.length && name.endsWith(suffix))
      longest = Math.max(longest, suffix.length);
  }
  return longest;
}
