import type { TokenRule } from "#authentication";
import type { Bundle } from "#identity";
import type { MtlsMode, NamedProvider, ServiceKey } from "#model";
import { type LimitSet, policiesFor, type RuleSet } from "#policy";
import { accessRulesFor, egressRulesFor } from "./access.ts";
import { mtlsModeFor } from "./mtls-mode.ts";
import type { MeshService } from "./services.ts";
import type { MeshSettings } from "./settings.ts";
import type { MeshSnapshot } from "./snapshot.ts";
import { tokenRulesFor } from "./tokens.ts";

/** The workload that a scope is for. Its namespace is that of its certificate. */
export interface ScopedWorkload {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of its app; undefined where that is not known, or there is none. */
  readonly appPort?: number | undefined;
}

/** What is enforced on a workload's inbound side, in evaluation order. */
export interface InboundRules {
  readonly ruleSets: readonly RuleSet[];
  readonly limits: readonly LimitSet[];
  /** Whose tokens are taken for who asks. */
  readonly tokens: readonly TokenRule[];
  /** The authorizers that the rule sets ask. */
  readonly providers: readonly NamedProvider[];
  readonly mtls: MtlsMode;
}

/** All that an agent enforces for its workload. */
export interface WorkloadRules extends InboundRules {
  /** About whom the workload calls; empty: about nobody. */
  readonly egress: readonly RuleSet[];
}

/** What of a snapshot concerns one agent. */
export interface Scope {
  readonly revision: number;
  readonly settings: MeshSettings;
  readonly bundles: readonly Bundle[];
  /** What is in force at the workload. */
  readonly rules: WorkloadRules;
  /** The services it calls, as far as there are such services. */
  readonly services: ReadonlyMap<ServiceKey, MeshService>;
}

/** Cuts a snapshot down to one workload: its own policies and the services it subscribed to, and nothing of anyone else. */
export function scopeFor(snapshot: MeshSnapshot, workload: ScopedWorkload, services: Iterable<ServiceKey>): Scope {
  const { revision, settings, bundles } = snapshot;
  return {
    revision,
    settings,
    bundles,
    rules: workloadRulesFor(snapshot, workload),
    services: pick(snapshot, services),
  };
}

export function workloadRulesFor(snapshot: MeshSnapshot, workload: ScopedWorkload): WorkloadRules {
  const egress = egressRulesFor(workload, snapshot.access, snapshot.settings);
  return { ...inboundRulesFor(snapshot, workload), egress };
}

/** The lowered policies in force at a workload. */
export function inboundRulesFor(snapshot: MeshSnapshot, workload: ScopedWorkload): InboundRules {
  const { policies, ruleSets, access, limitPolicies, limitSets, tokens, providers, peerRules, settings } = snapshot;
  const { rootNamespace } = settings;
  const inForce = [
    ...policiesFor(workload, policies, rootNamespace).flatMap((each) => ruleSets.get(each) ?? []),
    ...accessRulesFor(workload, access, settings),
  ];
  const asked = new Set(inForce.flatMap((each) => (each.action === "CUSTOM" ? [each.provider] : [])));
  return {
    ruleSets: inForce,
    limits: policiesFor(workload, limitPolicies, rootNamespace).flatMap((each) => limitSets.get(each) ?? []),
    tokens: tokenRulesFor(workload, tokens, rootNamespace),
    providers: providers.filter(({ name }) => asked.has(name)),
    mtls: mtlsModeFor(workload, peerRules, rootNamespace),
  };
}

function pick({ services }: MeshSnapshot, keys: Iterable<ServiceKey>): ReadonlyMap<ServiceKey, MeshService> {
  const picked = new Map<ServiceKey, MeshService>();
  for (const key of keys) {
    const service = services.get(key);
    if (service !== undefined) picked.set(key, service);
  }
  return picked;
}
