/** Whom the workloads of a caller may call, by their own policies. */
import { type Endpoint, egressRulesFor, type MeshSnapshot } from "#mesh";
import type { WorkloadEntry } from "#model";
import {
  type CallerAttributes,
  type CompiledPolicy,
  calleeAttributes,
  compilePolicy,
  type RequestAttributes,
  type RuleSet,
  ruleSetsAt,
} from "#policy";

/** Workloads of one account with the same policies about what goes out. */
export interface CallerEgress {
  readonly workloads: readonly string[];
  readonly ruleSets: readonly RuleSet[];
  readonly compiled: CompiledPolicy;
}

/** Empty where no such policy holds for a workload that the mesh knows of the caller. */
export function callerEgress(
  snapshot: MeshSnapshot,
  { serviceAccount }: Pick<CallerAttributes, "serviceAccount">,
  nowMs: number,
): readonly CallerEgress[] {
  if (snapshot.access.networkPolicies.every(({ spec }) => spec.egress === undefined)) return [];
  const workloads = workloadsOf(snapshot, serviceAccount).map(({ name, ...target }) => ({
    name,
    ruleSets: ruleSetsAt(egressRulesFor(target, snapshot.access, snapshot.settings), nowMs).ruleSets,
  }));
  if (workloads.every(({ ruleSets }) => ruleSets.length === 0)) return [];
  return [...Map.groupBy(workloads, ({ ruleSets }) => JSON.stringify(ruleSets)).values()].map((alike) => {
    const ruleSets = alike[0]?.ruleSets ?? [];
    return { workloads: alike.map(({ name }) => name), ruleSets, compiled: compilePolicy(ruleSets) };
  });
}

/** The endpoint as the agent of its caller decides about it. */
export function calleeOf(
  { spiffeId, address }: Pick<Endpoint, "spiffeId" | "address">,
  { settings }: MeshSnapshot,
  port: number,
): RequestAttributes {
  return calleeAttributes({ spiffeId, address, appPort: port }, settings.trustDomain);
}

interface KnownCaller {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

function workloadsOf({ inputs }: MeshSnapshot, serviceAccount: string): readonly KnownCaller[] {
  const announced = [...inputs.registrations.values()]
    .filter((each) => `${each.namespace}/${each.serviceAccount}` === serviceAccount)
    .map(({ instance, namespace, labels }) => ({ name: instance, namespace, labels }));
  const written = inputs.resources
    .filter((each): each is WorkloadEntry => each.kind === "WorkloadEntry")
    .filter(({ metadata, spec }) => `${metadata.namespace}/${spec.serviceAccount || "default"}` === serviceAccount)
    .filter(({ metadata }) => !inputs.registrations.has(`${metadata.namespace}/${metadata.name}`))
    .map(({ metadata, spec }) => ({ name: metadata.name, namespace: metadata.namespace, labels: spec.labels }));
  return [...announced, ...written];
}
