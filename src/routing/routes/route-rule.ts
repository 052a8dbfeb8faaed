/** Routes of every kind in the one form that is matched by, and that travels to agents. Plain values. */
import type {
  Fault,
  HeaderModifier,
  Hedge,
  NamedTextMatch,
  PathMatch,
  RequestRedirect,
  RouteRetry,
  ServiceKey,
  UrlRewrite,
} from "#model";

export interface RouteMatch {
  readonly path: PathMatch;
  readonly headers: readonly NamedTextMatch[];
  readonly queryParams: readonly NamedTextMatch[];
  /** Undefined: any. */
  readonly method: string | undefined;
}

export interface WeightedBackend {
  /** Undefined where the reference is not valid: its share of the requests is answered with 500. */
  readonly service: ServiceKey | undefined;
  readonly weight: number;
}

export interface RouteBackendRule extends WeightedBackend {
  readonly requestHeaders: HeaderModifier | undefined;
  readonly responseHeaders: HeaderModifier | undefined;
}

export interface Mirror {
  readonly service: ServiceKey;
  /** 0..1. */
  readonly share: number;
}

/** One rule of a route: what it matches, and what is done with what it matches. */
export interface RouteRule {
  /** `HTTPRoute/shop/orders` and the rule's name or place, for people. */
  readonly source: string;
  /** Empty: every host. */
  readonly hostnames: readonly string[];
  /** Any of them. Never empty. */
  readonly matches: readonly RouteMatch[];
  readonly requestHeaders: HeaderModifier | undefined;
  readonly responseHeaders: HeaderModifier | undefined;
  readonly redirect: RequestRedirect | undefined;
  readonly rewrite: UrlRewrite | undefined;
  readonly mirrors: readonly Mirror[];
  readonly backends: readonly RouteBackendRule[];
  /** For the whole request; undefined: as the mesh says; 0: no limit. */
  readonly requestTimeoutMs: number | undefined;
  /** For each attempt; undefined or 0: no limit of its own. */
  readonly attemptTimeoutMs: number | undefined;
  readonly retry: RouteRetry | undefined;
  readonly fault: Fault | undefined;
  readonly hedge: Hedge | undefined;
}

/** Where connections of bytes go. */
export interface ByteRule {
  readonly source: string;
  /** Server names of the app's own TLS; empty: all. */
  readonly hostnames: readonly string[];
  readonly backends: readonly WeightedBackend[];
}

/** The routes in force for one service and one caller's namespace. With neither, requests go to the service itself. */
export interface ServiceRoutes {
  /** In order of precedence where matches are equal. Undefined: no route for requests. */
  readonly requests: readonly RouteRule[] | undefined;
  /** Undefined: no route for connections. */
  readonly bytes: readonly ByteRule[] | undefined;
}

/** Every service that the routes may send to. */
export function backendsOf({ requests = [], bytes = [] }: ServiceRoutes): ReadonlySet<ServiceKey> {
  const backends = [
    ...requests.flatMap((rule) => [...rule.backends, ...rule.mirrors]),
    ...bytes.flatMap((rule) => rule.backends),
  ];
  return new Set(backends.flatMap(({ service }) => service ?? []));
}
