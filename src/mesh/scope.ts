import type { Bundle } from "#identity";
import type { ServiceKey } from "#model";
import { policiesFor, type RuleSet } from "#policy";
import type { MeshService } from "./services.ts";
import type { MeshSettings } from "./settings.ts";
import type { MeshSnapshot } from "./snapshot.ts";

/** The workload that a scope is for. Its namespace is that of its certificate. */
export interface ScopedWorkload {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What of a snapshot concerns one agent. */
export interface Scope {
  readonly revision: number;
  readonly settings: MeshSettings;
  readonly bundles: readonly Bundle[];
  /** The policies in force at the workload, in evaluation order. */
  readonly ruleSets: readonly RuleSet[];
  /** The services it calls, as far as there are such services. */
  readonly services: ReadonlyMap<ServiceKey, MeshService>;
}

/** Cuts a snapshot down to one workload: its own policies and the services it subscribed to, and nothing of anyone else. */
export function scopeFor(snapshot: MeshSnapshot, workload: ScopedWorkload, services: Iterable<ServiceKey>): Scope {
  const { revision, settings, bundles } = snapshot;
  return { revision, settings, bundles, ruleSets: ruleSetsFor(snapshot, workload), services: pick(snapshot, services) };
}

/** The lowered policies in force at a workload. */
export function ruleSetsFor(snapshot: MeshSnapshot, workload: ScopedWorkload): readonly RuleSet[] {
  const { policies, ruleSets, settings } = snapshot;
  return policiesFor(workload, policies, settings.rootNamespace).flatMap((each) => ruleSets.get(each) ?? []);
}

function pick({ services }: MeshSnapshot, keys: Iterable<ServiceKey>): ReadonlyMap<ServiceKey, MeshService> {
  const picked = new Map<ServiceKey, MeshService>();
  for (const key of keys) {
    const service = services.get(key);
    if (service !== undefined) picked.set(key, service);
  }
  return picked;
}
