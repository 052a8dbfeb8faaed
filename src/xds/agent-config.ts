import type { TokenRule } from "#authentication";
import type { Bundle, SpiffeId, TrustDomain } from "#identity";
import type { MtlsMode, NamedProvider, ServiceKey, TrafficPolicy } from "#model";
import type { LimitSet, RuleSet } from "#policy";
import type { ServiceRoutes } from "#routing";

/** Settings of the mesh that concern an agent. */
export interface AgentSettings {
  readonly trustDomain: TrustDomain;
  /** Whether a denied caller is told which policy decided. */
  readonly explainDenials: boolean;
  /** Share of traces started here that are sampled, 0..1. */
  readonly traceSampling: number;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

export interface AgentEndpoint {
  readonly instance: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly address: string;
  /** Port of the endpoint's inbound mesh listener. */
  readonly port: number;
  /** Of the app behind the agent; 0 where that is not known. */
  readonly appPort: number;
  /** The only identity that may answer there. */
  readonly spiffeId: SpiffeId;
  readonly labels: Readonly<Record<string, string>>;
  readonly weight: number;
}

export interface AgentService {
  readonly endpoints: readonly AgentEndpoint[];
  readonly ports: readonly { readonly name: string; readonly port: number; readonly appProtocol: string }[];
  /** Undefined: as the agent does by itself. */
  readonly traffic: TrafficPolicy | undefined;
}

/** Everything that an agent runs by. Immutable; a part that did not change is the same object as before. */
export interface AgentConfig {
  /** Of the snapshot that last changed something here. */
  readonly revision: number;
  readonly settings: AgentSettings;
  readonly bundles: readonly Bundle[];
  /** Enforced on the inbound side, in evaluation order. */
  readonly policies: readonly RuleSet[];
  /** About whom the workload calls; empty: about nobody. */
  readonly egress: readonly RuleSet[];
  /** Of requests to the workload. */
  readonly limits: readonly LimitSet[];
  /** Whose tokens in requests to the workload are taken for who asks. */
  readonly tokens: readonly TokenRule[];
  /** External authorizers that the policies ask. */
  readonly providers: readonly NamedProvider[];
  /** How callers of the workload prove who they are. */
  readonly mtls: MtlsMode;
  /** Each subscribed service and each that a route sends to; one that does not exist has no endpoints. */
  readonly services: ReadonlyMap<ServiceKey, AgentService>;
  /** Of the subscribed services that have routes. */
  readonly routes: ReadonlyMap<ServiceKey, ServiceRoutes>;
}
