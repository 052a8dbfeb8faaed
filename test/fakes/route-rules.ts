import type { ServiceKey } from "#model";
import type { RouteBackendRule, RouteMatch, RouteRule } from "#routing";

/** A match of everything, but for what is said. */
export function routeMatch(match: Partial<RouteMatch> = {}): RouteMatch {
  return { path: { type: "PathPrefix", value: "/" }, headers: [], queryParams: [], method: undefined, ...match };
}

/** A rule that sends everything to nobody, but for what is said. */
export function routeRule(source: string, rule: Partial<RouteRule> = {}): RouteRule {
  return {
    source,
    hostnames: [],
    matches: [routeMatch()],
    requestHeaders: undefined,
    responseHeaders: undefined,
    redirect: undefined,
    rewrite: undefined,
    mirrors: [],
    backends: [],
    requestTimeoutMs: undefined,
    attemptTimeoutMs: undefined,
    retry: undefined,
    fault: undefined,
    hedge: undefined,
    ...rule,
  };
}

export function backendRule(service: ServiceKey | undefined, weight = 1): RouteBackendRule {
  return { service, weight, requestHeaders: undefined, responseHeaders: undefined };
}
