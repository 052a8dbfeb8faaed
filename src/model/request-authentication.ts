/** Istio's RequestAuthentication (`security.istio.io/v1`), after defaults. */
import type { ResourceOf } from "./resource-of.ts";

/** Where the public keys of an issuer come from. */
export type IssuerKeySource =
  /** A JSON Web Key Set (RFC 7517), as text. */
  | { readonly kind: "inline"; readonly jwks: string }
  | { readonly kind: "uri"; readonly uri: string }
  /** OpenID Connect Discovery 1.0: `jwks_uri` of `<issuer>/.well-known/openid-configuration`. */
  | { readonly kind: "discovery"; readonly issuer: string };

/** Where requests carry their token. Nothing at all means the header `authorization` with `Bearer `, and the query's `access_token`. */
export interface TokenLocations {
  /** Names in lower case. What stands before the token is told apart from it. */
  readonly headers: readonly { readonly name: string; readonly prefix: string }[];
  readonly params: readonly string[];
  readonly cookies: readonly string[];
}

/** What a workload is told of a verified token. */
export interface TokenOutputs {
  /** Header for the payload as it was sent, in base64url; "" for none. */
  readonly payloadHeader: string;
  /** Headers for single claims; `.` leads into a claim that is an object. */
  readonly claimHeaders: readonly { readonly header: string; readonly claim: string }[];
}

export interface JwtRule {
  /** What `iss` must be, exactly. */
  readonly issuer: string;
  /** One of these must be in `aud`; empty accepts any. */
  readonly audiences: readonly string[];
  readonly keys: IssuerKeySource;
  readonly from: TokenLocations;
  readonly output: TokenOutputs;
  /** Whether the workload is sent the token too. */
  readonly isForwarded: boolean;
  /** Of fetching the keys, milliseconds. */
  readonly timeoutMs: number;
}

/** What a policy is attached to beside labels: a `Service` of its own namespace. */
export interface PolicyTargetRef {
  readonly kind: "Service";
  readonly name: string;
}

export interface RequestAuthentication extends ResourceOf<"security.istio.io/v1", "RequestAuthentication"> {
  readonly spec: {
    /** Undefined selects every workload of the namespace (of the mesh, in the root namespace). */
    readonly selector: Readonly<Record<string, string>> | undefined;
    /** The workloads behind any of these; empty leaves it to the selector. */
    readonly targetRefs: readonly PolicyTargetRef[];
    /** The rules of all policies in force at a workload add up. */
    readonly jwtRules: readonly JwtRule[];
  };
}
