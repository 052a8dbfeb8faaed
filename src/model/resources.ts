/** The resource kinds, as users write them (after defaults), without engine or wire details. Sources: Kubernetes core/v1, Istio `security.istio.io/v1` and `networking.istio.io/v1`. */

import type { AccessPolicy } from "./access-policy.ts";
import type { AdminRole } from "./admin-role.ts";
import type { AuthorizationPolicy } from "./authorization-policy.ts";
import type { AuthorizationProvider } from "./authorization-provider.ts";
import type { Federation } from "./federation.ts";
import type { NetworkPolicy } from "./network-policy.ts";
import type { NodeAttestation } from "./node-attestation.ts";
import type { PeerAuthentication } from "./peer-authentication.ts";
import type { RateLimitPolicy } from "./rate-limit-policy.ts";
import type { RequestAuthentication } from "./request-authentication.ts";
import type { RequestPolicy } from "./request-policy.ts";
import type { ResourceOf } from "./resource-of.ts";
import type { GrpcRoute, HttpRoute, ReferenceGrant, TcpRoute, TlsRoute } from "./routes.ts";
import type { DestinationRule } from "./traffic-policy.ts";

export interface Mesh extends ResourceOf<"heddle.dev/v1", "Mesh"> {
  readonly spec: {
    readonly trustDomain: string;
    /** Life of an X.509-SVID, milliseconds. Default one hour. */
    readonly svidTtlMs: number;
    /** Namespace whose policies hold for the whole mesh (Istio's root namespace). Default `heddle-system`. */
    readonly rootNamespace: string;
    /** Whether a denied caller is told which policy decided. Default true. */
    readonly explainDenials: boolean;
    /** Share of traces started at the edge that are sampled, 0..1. Default 1. */
    readonly traceSampling: number;
    readonly connectTimeoutMs: number;
    readonly requestTimeoutMs: number;
    /** Who vouches for the hosts of token issuers, in place of the roots that the server's machine trusts. */
    readonly issuerAuthorities: readonly IssuerAuthorities[];
  };
}

export interface IssuerAuthorities {
  /** Lower-case names or addresses, without a port. */
  readonly hosts: readonly string[];
  /** PEM. */
  readonly caCertificates: string;
}

export interface Namespace extends ResourceOf<"v1", "Namespace"> {}
export interface ServiceAccount extends ResourceOf<"v1", "ServiceAccount"> {}

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly targetPort: number;
  /** "" when not declared: the port's name may tell, or else the first bytes. */
  readonly appProtocol: string;
}

export interface Service extends ResourceOf<"v1", "Service"> {
  readonly spec: {
    /** All must equal the workload's labels. Empty selects nothing. */
    readonly selector: Readonly<Record<string, string>>;
    readonly ports: readonly ServicePort[];
  };
}

export interface WorkloadEntry extends ResourceOf<"networking.istio.io/v1", "WorkloadEntry"> {
  readonly spec: {
    readonly address: string;
    readonly ports: Readonly<Record<string, number>>;
    readonly labels: Readonly<Record<string, string>>;
    readonly serviceAccount: string;
    readonly weight: number;
  };
}

export type Resource =
  | Mesh
  | Namespace
  | Federation
  | ServiceAccount
  | Service
  | WorkloadEntry
  | AuthorizationPolicy
  | AuthorizationProvider
  | RequestAuthentication
  | PeerAuthentication
  | AccessPolicy
  | NetworkPolicy
  | HttpRoute
  | GrpcRoute
  | TcpRoute
  | TlsRoute
  | ReferenceGrant
  | DestinationRule
  | RequestPolicy
  | RateLimitPolicy
  | NodeAttestation
  | AdminRole;
export type Kind = Resource["kind"];

/** Names one object across the whole mesh. */
export interface ResourceRef {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
}
