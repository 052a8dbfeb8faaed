/**
 * An external authorizer, after defaults. Heddle's own kind; the words are those of Istio's `extensionProviders` (MeshConfig,
 * `envoyExtAuthzHttp` and `envoyExtAuthzGrpc`), under whose names AuthorizationPolicies with the action CUSTOM ask.
 */
import type { ResourceOf } from "./resource-of.ts";

/** What of a request's body an authorizer is shown. */
export interface CheckedBody {
  readonly bytesMax: number;
  /** Whether a longer one is shown in part; else it is refused with 413. */
  readonly isPartialAllowed: boolean;
  /** gRPC: as bytes, not as text. */
  readonly isRaw: boolean;
}

/** Of an authorizer over HTTP; empty for gRPC, which has its own words. Names in lower case; `abc*` and `*abc` match several. */
export interface CheckHeaders {
  /** Headers of the request that are shown. */
  readonly inCheck: readonly string[];
  readonly additional: readonly { readonly name: string; readonly value: string }[];
  /** Headers of its answer that the app gets, in place of the caller's own. */
  readonly upstreamOnAllow: readonly string[];
  /** Headers of its answer that the caller gets. */
  readonly downstreamOnAllow: readonly string[];
  /** The same where it denies; empty for all. */
  readonly downstreamOnDeny: readonly string[];
}

export interface ProviderSettings {
  readonly protocol: "http" | "grpc";
  /** HTTP: with what stands before each path; gRPC: without a path. */
  readonly url: string;
  /** Authorities (PEM) that vouch for it in place of the roots that the host trusts; "" for those. */
  readonly caCertificates: string;
  readonly timeoutMs: number;
  /** Whether what it cannot be asked passes. */
  readonly isFailOpen: boolean;
  /** What a caller is answered where it cannot be asked. */
  readonly statusOnError: number;
  /** Undefined: the body is not shown. */
  readonly body: CheckedBody | undefined;
  readonly headers: CheckHeaders;
}

export interface AuthorizationProvider extends ResourceOf<"heddle.dev/v1", "AuthorizationProvider"> {
  readonly spec: ProviderSettings;
}

/** An authorizer under its name. */
export interface NamedProvider extends ProviderSettings {
  readonly name: string;
}

/** Whether one of the patterns means the header. */
export function matchesHeaderName(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => {
    if (pattern.endsWith("*")) return name.startsWith(pattern.slice(0, -1));
    return pattern.startsWith("*") ? name.endsWith(pattern.slice(1)) : name === pattern;
  });
}
