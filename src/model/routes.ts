/** The kinds that say where requests go, after defaults. Source: Gateway API v1 (`HTTPRoute`, `GRPCRoute`), v1alpha2 (`TCPRoute`, `TLSRoute`), v1beta1 (`ReferenceGrant`). */
import type { ResourceOf } from "./resource-of.ts";

/** What a route is attached to. In the mesh a `Service` (group ""): the route then replaces the service's own routing. */
export interface ParentReference {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Undefined: every port. */
  readonly port: number | undefined;
}

/** Where requests go: group "" and kind `Service` are all that is routed to. */
export interface BackendReference {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly port: number | undefined;
  /** Share among the backends of its rule; 0 gets nothing. */
  readonly weight: number;
}

/** How a text is compared. A regular expression must match the whole text. */
export interface TextMatch {
  readonly type: "Exact" | "RegularExpression";
  readonly value: string;
}

export interface NamedTextMatch extends TextMatch {
  readonly name: string;
}

export interface PathMatch {
  readonly type: "Exact" | "PathPrefix" | "RegularExpression";
  readonly value: string;
}

/** All that is said must hold. */
export interface HttpRouteMatch {
  readonly path: PathMatch;
  readonly headers: readonly NamedTextMatch[];
  readonly queryParams: readonly NamedTextMatch[];
  readonly method: string | undefined;
}

/** Fields to set (replacing what is there), to add and to remove, in this order. */
export interface HeaderModifier {
  readonly set: readonly HeaderValue[];
  readonly add: readonly HeaderValue[];
  readonly remove: readonly string[];
}

export interface HeaderValue {
  readonly name: string;
  readonly value: string;
}

export type PathModifier =
  | { readonly type: "ReplaceFullPath"; readonly value: string }
  | { readonly type: "ReplacePrefixMatch"; readonly value: string };

export interface RequestRedirect {
  readonly scheme: "http" | "https" | undefined;
  readonly hostname: string | undefined;
  readonly path: PathModifier | undefined;
  readonly port: number | undefined;
  readonly statusCode: number;
}

export interface UrlRewrite {
  readonly hostname: string | undefined;
  readonly path: PathModifier | undefined;
}

export interface RequestMirror {
  readonly backend: BackendReference;
  /** Share of the requests that are mirrored, 0..1. */
  readonly share: number;
}

export type RouteFilter =
  | { readonly type: "RequestHeaderModifier"; readonly change: HeaderModifier }
  | { readonly type: "ResponseHeaderModifier"; readonly change: HeaderModifier }
  | { readonly type: "RequestRedirect"; readonly redirect: RequestRedirect }
  | { readonly type: "URLRewrite"; readonly rewrite: UrlRewrite }
  | { readonly type: "RequestMirror"; readonly mirror: RequestMirror }
  /** Name of a `RequestPolicy` in the route's namespace. */
  | { readonly type: "ExtensionRef"; readonly name: string };

export interface RouteBackend extends BackendReference {
  readonly filters: readonly RouteFilter[];
}

/** When a request is sent again, beyond what is always safe. */
export interface RouteRetry {
  /** Statuses of the backend after which it is. */
  readonly codes: readonly number[];
  /** Repetitions at most; undefined: as without a rule. */
  readonly attempts: number | undefined;
  /** Wait before the first repetition at least. */
  readonly backoffMs: number | undefined;
}

export interface HttpRouteRule {
  readonly name: string;
  /** Any of them. Never empty. */
  readonly matches: readonly HttpRouteMatch[];
  readonly filters: readonly RouteFilter[];
  readonly backendRefs: readonly RouteBackend[];
  /** From the request's end to the answer's head with all repetitions; 0: no limit. */
  readonly requestTimeoutMs: number | undefined;
  /** The same for each attempt. */
  readonly backendRequestTimeoutMs: number | undefined;
  readonly retry: RouteRetry | undefined;
}

/** `service` and `method` of a gRPC call; undefined matches all. */
export interface GrpcMethodMatch {
  readonly type: "Exact" | "RegularExpression";
  readonly service: string | undefined;
  readonly method: string | undefined;
}

export interface GrpcRouteMatch {
  readonly method: GrpcMethodMatch | undefined;
  readonly headers: readonly NamedTextMatch[];
}

export interface GrpcRouteRule {
  readonly name: string;
  readonly matches: readonly GrpcRouteMatch[];
  readonly filters: readonly RouteFilter[];
  readonly backendRefs: readonly RouteBackend[];
}

/** Connections of bytes: where they go, by weight alone. */
export interface ByteRouteRule {
  readonly name: string;
  readonly backendRefs: readonly BackendReference[];
}

export interface HttpRoute extends ResourceOf<"gateway.networking.k8s.io/v1", "HTTPRoute"> {
  readonly spec: {
    readonly parentRefs: readonly ParentReference[];
    readonly hostnames: readonly string[];
    readonly rules: readonly HttpRouteRule[];
  };
}

export interface GrpcRoute extends ResourceOf<"gateway.networking.k8s.io/v1", "GRPCRoute"> {
  readonly spec: {
    readonly parentRefs: readonly ParentReference[];
    readonly hostnames: readonly string[];
    readonly rules: readonly GrpcRouteRule[];
  };
}

export interface TcpRoute extends ResourceOf<"gateway.networking.k8s.io/v1alpha2", "TCPRoute"> {
  readonly spec: { readonly parentRefs: readonly ParentReference[]; readonly rules: readonly ByteRouteRule[] };
}

/** Told by the server name of the app's own TLS, which passes as it is. */
export interface TlsRoute extends ResourceOf<"gateway.networking.k8s.io/v1alpha2", "TLSRoute"> {
  readonly spec: {
    readonly parentRefs: readonly ParentReference[];
    readonly hostnames: readonly string[];
    readonly rules: readonly ByteRouteRule[];
  };
}

/** Lets the routes of other namespaces name services of its own. */
export interface ReferenceGrant extends ResourceOf<"gateway.networking.k8s.io/v1beta1", "ReferenceGrant"> {
  readonly spec: {
    readonly from: readonly { readonly group: string; readonly kind: string; readonly namespace: string }[];
    /** A name of undefined stands for all of the kind. */
    readonly to: readonly { readonly group: string; readonly kind: string; readonly name: string | undefined }[];
  };
}

export type Route = HttpRoute | GrpcRoute | TcpRoute | TlsRoute;
