/** What the data plane runs by: compiled elsewhere, immutable, replaced by one reference. */
import type { TokenAuthenticator } from "#authentication";
import type { BundleSet, SpiffeId } from "#identity";
import type { AppProtocol, MtlsMode, ServiceKey, TrafficPolicy } from "#model";
import type { CompiledLimit, CompiledPolicy } from "#policy";
import type { ByteRule, RouteTable } from "#routing";
import type { Authorizer } from "./authorizer.ts";

export interface OutboundEndpoint {
  /** Replica's name, unique in its namespace. */
  readonly instance: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly address: string;
  readonly port: number;
  /** Of the app behind the agent; absent, or 0, where that is not known. */
  readonly appPort?: number;
  /** The only identity that may answer there. */
  readonly spiffeId: SpiffeId;
  readonly labels: Readonly<Record<string, string>>;
  readonly weight: number;
}

export interface ServiceTable {
  readonly protocol: AppProtocol;
  readonly endpoints: readonly OutboundEndpoint[];
  /** Undefined: least request, and the limits of the agent. */
  readonly traffic?: TrafficPolicy | undefined;
}

/** What routes say of calls to a service. */
export interface RoutingTable {
  /** Undefined: requests go to the service itself. */
  readonly requests: RouteTable | undefined;
  /** The same of connections that are passed as they are. */
  readonly bytes: readonly ByteRule[] | undefined;
}

export interface ProxySettings {
  /** Whether a denied caller is told which policy decided. */
  readonly explainDenials: boolean;
  /** Share of traces started here that are sampled, 0..1. */
  readonly traceSampling: number;
  readonly connectTimeoutMs: number;
  /** From a request's head to its answer's. */
  readonly requestTimeoutMs: number;
}

export interface ProxyTables {
  readonly revision: number;
  readonly settings: ProxySettings;
  readonly bundles: BundleSet;
  readonly inbound: CompiledPolicy;
  /** About whom the workload calls; absent: it may call everybody. */
  readonly egress?: CompiledPolicy;
  /** How callers of the workload prove who they are; absent: `STRICT`. */
  readonly mtls?: MtlsMode | undefined;
  /** Of requests to the workload; absent for none. */
  readonly limits?: readonly CompiledLimit[] | undefined;
  /** Of tokens in requests to the workload; absent where none is taken. */
  readonly tokens?: TokenAuthenticator | undefined;
  /** External authorizers by their names; one that is not here cannot be asked. */
  readonly authorizers?: ReadonlyMap<string, Authorizer>;
  /** Every service that may be sent to. */
  readonly outbound: ReadonlyMap<ServiceKey, ServiceTable>;
  /** Of the services that are called; one without goes to itself. */
  readonly routes: ReadonlyMap<ServiceKey, RoutingTable>;
}

/** The workload that an agent serves. */
export interface ProxyWorkload {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly instance: string;
  /** The service that it is an endpoint of, for telemetry. */
  readonly service?: ServiceKey;
  readonly labels: Readonly<Record<string, string>>;
}
