/** Routes as users write them, lowered to the form that is matched by. Where a reference leads is the caller's to say. */
import type {
  BackendReference,
  GrpcRoute,
  GrpcRouteMatch,
  HeaderModifier,
  HttpRoute,
  PathMatch,
  RouteBackend,
  RouteFilter,
  ServiceKey,
  TcpRoute,
  TlsRoute,
} from "#model";
import type { ByteRule, Mirror, RouteBackendRule, RouteMatch, RouteRule } from "./route-rule.ts";

/** The service that a reference means; undefined when it is not valid. */
export type ResolveBackend = (reference: BackendReference) => ServiceKey | undefined;

export function lowerHttpRoute({ metadata, spec }: HttpRoute, resolve: ResolveBackend): readonly RouteRule[] {
  return spec.rules.map((rule, index) => ({
    source: sourceOf("HTTPRoute", metadata, rule.name || String(index)),
    hostnames: spec.hostnames,
    matches: rule.matches,
    ...lowerFilters(rule.filters, resolve),
    backends: rule.backendRefs.map((ref) => lowerBackend(ref, resolve)),
    requestTimeoutMs: rule.requestTimeoutMs,
    attemptTimeoutMs: rule.backendRequestTimeoutMs,
    retry: rule.retry,
  }));
}

export function lowerGrpcRoute({ metadata, spec }: GrpcRoute, resolve: ResolveBackend): readonly RouteRule[] {
  return spec.rules.map((rule, index) => ({
    source: sourceOf("GRPCRoute", metadata, rule.name || String(index)),
    hostnames: spec.hostnames,
    matches:
      rule.matches.length === 0 ? [matchOfGrpc({ method: undefined, headers: [] })] : rule.matches.map(matchOfGrpc),
    ...lowerFilters(rule.filters, resolve),
    backends: rule.backendRefs.map((ref) => lowerBackend(ref, resolve)),
    requestTimeoutMs: undefined,
    attemptTimeoutMs: undefined,
    retry: undefined,
  }));
}

export function lowerByteRoute(
  { kind, metadata, spec }: TcpRoute | TlsRoute,
  resolve: ResolveBackend,
): readonly ByteRule[] {
  return spec.rules.map((rule, index) => ({
    source: sourceOf(kind, metadata, rule.name || String(index)),
    hostnames: "hostnames" in spec ? spec.hostnames : [],
    backends: rule.backendRefs.map((ref) => ({ service: resolve(ref), weight: ref.weight })),
  }));
}

function sourceOf(
  kind: string,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  rule: string,
): string {
  return `${kind}/${namespace}/${name}#${rule}`;
}

/** gRPC's methods are paths, `/package.Service/Method`. */
function matchOfGrpc({ method, headers }: GrpcRouteMatch): RouteMatch {
  return { path: method === undefined ? ANY_PATH : pathOfGrpc(method), headers, queryParams: [], method: undefined };
}

const ANY_PATH: PathMatch = { type: "PathPrefix", value: "/" };

function pathOfGrpc({ type, service, method }: NonNullable<GrpcRouteMatch["method"]>): PathMatch {
  if (type === "RegularExpression") return { type, value: `/(?:${service ?? "[^/]+"})/(?:${method ?? "[^/]+"})` };
  if (method === undefined) return { type: "PathPrefix", value: `/${service}` };
  if (service === undefined) return { type: "RegularExpression", value: `/[^/]+/${escaped(method)}` };
  return { type: "Exact", value: `/${service}/${method}` };
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

interface Lowered {
  requestHeaders: HeaderModifier | undefined;
  responseHeaders: HeaderModifier | undefined;
  redirect: RouteRule["redirect"];
  rewrite: RouteRule["rewrite"];
  mirrors: Mirror[];
}

function lowerFilters(filters: readonly RouteFilter[], resolve: ResolveBackend): Lowered {
  const lowered: Lowered = {
    requestHeaders: undefined,
    responseHeaders: undefined,
    redirect: undefined,
    rewrite: undefined,
    mirrors: [],
  };
  for (const filter of filters) lowerFilter(filter, lowered, resolve);
  return lowered;
}

function lowerFilter(filter: RouteFilter, into: Lowered, resolve: ResolveBackend): void {
  switch (filter.type) {
    case "RequestHeaderModifier":
      into.requestHeaders = filter.change;
      return;
    case "ResponseHeaderModifier":
      into.responseHeaders = filter.change;
      return;
    case "RequestRedirect":
      into.redirect = filter.redirect;
      return;
    case "URLRewrite":
      into.rewrite = filter.rewrite;
      return;
    case "RequestMirror": {
      const service = resolve(filter.mirror.backend);
      if (service !== undefined) into.mirrors.push({ service, share: filter.mirror.share });
    }
  }
}

function lowerBackend(ref: RouteBackend, resolve: ResolveBackend): RouteBackendRule {
  const { requestHeaders, responseHeaders } = lowerFilters(ref.filters, resolve);
  return { service: resolve(ref), weight: ref.weight, requestHeaders, responseHeaders };
}
