/** Routes as users write them. Read again they are the same routes. */
import type {
  GrpcRoute,
  HttpRoute,
  HttpRouteRule,
  PathModifier,
  RequestPolicy,
  RouteBackend,
  RouteFilter,
} from "#model";
import { formatDuration } from "./fields.ts";

/** The spec of a route whose rules match. */
export function routeSpec({ parentRefs, hostnames, rules }: HttpRoute["spec"] | GrpcRoute["spec"]): object {
  return { parentRefs, hostnames, rules: rules.map((rule) => ("retry" in rule ? httpRule(rule) : writtenRule(rule))) };
}

function httpRule({ requestTimeoutMs, backendRequestTimeoutMs, retry, ...rule }: HttpRouteRule): object {
  const timeouts = { request: duration(requestTimeoutMs), backendRequest: duration(backendRequestTimeoutMs) };
  const again = retry && { codes: retry.codes, attempts: retry.attempts, backoff: duration(retry.backoffMs) };
  return { ...writtenRule(rule), timeouts, retry: again };
}

type Filtered = {
  readonly filters: readonly RouteFilter[];
  readonly backendRefs: readonly RouteBackend[];
  readonly name: string;
};

function writtenRule<R extends Filtered>({ filters, backendRefs, name, ...rule }: R): object {
  return {
    ...(name === "" ? {} : { name }),
    ...rule,
    filters: filters.map(writtenFilter),
    backendRefs: backendRefs.map((ref) => ({ ...ref, filters: ref.filters.map(writtenFilter) })),
  };
}

function writtenFilter(filter: RouteFilter): object {
  const { type } = filter;
  switch (type) {
    case "RequestHeaderModifier":
      return { type, requestHeaderModifier: filter.change };
    case "ResponseHeaderModifier":
      return { type, responseHeaderModifier: filter.change };
    case "RequestRedirect":
      return { type, requestRedirect: { ...filter.redirect, path: writtenPath(filter.redirect.path) } };
    case "URLRewrite":
      return { type, urlRewrite: { ...filter.rewrite, path: writtenPath(filter.rewrite.path) } };
    case "ExtensionRef":
      return { type, extensionRef: { group: "heddle.dev", kind: "RequestPolicy", name: filter.name } };
    case "RequestMirror":
      return { type, requestMirror: mirrorOf(filter.mirror) };
  }
}

function mirrorOf({
  backend: { weight: _one, ...backendRef },
  share,
}: {
  readonly backend: RouteBackend | Mirrored;
  readonly share: number;
}) {
  const percent = share * 100;
  if (Number.isInteger(percent)) return { backendRef, percent };
  const denominator = 1_000_000;
  return { backendRef, fraction: { numerator: Math.round(share * denominator), denominator } };
}

type Mirrored = Omit<RouteBackend, "filters">;

function writtenPath(path: PathModifier | undefined): object | undefined {
  if (path === undefined) return undefined;
  return path.type === "ReplaceFullPath"
    ? { type: path.type, replaceFullPath: path.value }
    : { type: path.type, replacePrefixMatch: path.value };
}

function duration(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : formatDuration(ms);
}

export function requestPolicySpec({ fault, hedge }: RequestPolicy["spec"]): object {
  const { delay, abort } = fault ?? {};
  return {
    fault: fault && {
      delay: delay && { percent: delay.share * 100, duration: formatDuration(delay.ms) },
      abort: abort && { percent: abort.share * 100, httpStatus: abort.status },
    },
    hedge: hedge && { after: formatDuration(hedge.afterMs) },
  };
}
