/** Routes as users write them, lowered to the form that is matched by. Where a reference leads is the caller's to say. */
import type {
  BackendReference,
  GrpcRoute,
  GrpcRouteMatch,
  GrpcRouteRule,
  HeaderModifier,
  HttpRoute,
  HttpRouteRule,
  PathMatch,
  RequestPolicy,
  RouteBackend,
  RouteFilter,
  ServiceKey,
  TcpRoute,
  TlsRoute,
} from "#model";
import type { ByteRule, Mirror, RouteBackendRule, RouteMatch, RouteRule } from "./route-rule.ts";

/** What the references of a route mean; undefined for those that are not valid. */
export interface References {
  backend(reference: BackendReference): ServiceKey | undefined;
  policy(name: string): RequestPolicy | undefined;
}

export function lowerHttpRoute({ metadata, spec }: HttpRoute, resolve: References): readonly RouteRule[] {
  return spec.rules.map((rule, index) => ({
    source: sourceOf("HTTPRoute", metadata, rule.name || String(index)),
    hostnames: spec.hostnames,
    matches: rule.matches,
    ...lowerFilters(rule.filters, resolve),
    backends: backendsOf(rule, resolve),
    requestTimeoutMs: rule.requestTimeoutMs,
    attemptTimeoutMs: rule.backendRequestTimeoutMs,
    retry: rule.retry,
  }));
}

export function lowerGrpcRoute({ metadata, spec }: GrpcRoute, resolve: References): readonly RouteRule[] {
  return spec.rules.map((rule, index) => ({
    source: sourceOf("GRPCRoute", metadata, rule.name || String(index)),
    hostnames: spec.hostnames,
    matches:
      rule.matches.length === 0 ? [matchOfGrpc({ method: undefined, headers: [] })] : rule.matches.map(matchOfGrpc),
    ...lowerFilters(rule.filters, resolve),
    backends: backendsOf(rule, resolve),
    requestTimeoutMs: undefined,
    attemptTimeoutMs: undefined,
    retry: undefined,
  }));
}

export function lowerByteRoute(
  { kind, metadata, spec }: TcpRoute | TlsRoute,
  resolve: References,
): readonly ByteRule[] {
  return spec.rules.map((rule, index) => ({
    source: sourceOf(kind, metadata, rule.name || String(index)),
    hostnames: "hostnames" in spec ? spec.hostnames : [],
    backends: rule.backendRefs.map((ref) => ({ service: resolve.backend(ref), weight: ref.weight })),
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
  fault: RouteRule["fault"];
  hedge: RouteRule["hedge"];
}

function lowerFilters(filters: readonly RouteFilter[], resolve: References): Lowered {
  const lowered: Lowered = {
    requestHeaders: undefined,
    responseHeaders: undefined,
    redirect: undefined,
    rewrite: undefined,
    mirrors: [],
    fault: undefined,
    hedge: undefined,
  };
  for (const filter of filters) lowerFilter(filter, lowered, resolve);
  return lowered;
}

function lowerFilter(filter: RouteFilter, into: Lowered, resolve: References): void {
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
    case "ExtensionRef": {
      const policy = resolve.policy(filter.name);
      into.fault = policy?.spec.fault;
      into.hedge = policy?.spec.hedge;
      return;
    }
    case "RequestMirror": {
      const service = resolve.backend(filter.mirror.backend);
      if (service !== undefined) into.mirrors.push({ service, share: filter.mirror.share });
    }
  }
}

/** A rule whose extension is not there has nobody to send to: it must not be followed without (Gateway API, `ExtensionRef`). */
function backendsOf(
  { filters, backendRefs }: HttpRouteRule | GrpcRouteRule,
  resolve: References,
): readonly RouteBackendRule[] {
  const isBroken = filters.some((each) => each.type === "ExtensionRef" && resolve.policy(each.name) === undefined);
  return isBroken ? [] : backendRefs.map((ref) => lowerBackend(ref, resolve));
}

function lowerBackend(ref: RouteBackend, resolve: References): RouteBackendRule {
  const { requestHeaders, responseHeaders } = lowerFilters(ref.filters, resolve);
  return { service: resolve.backend(ref), weight: ref.weight, requestHeaders, responseHeaders };
}
