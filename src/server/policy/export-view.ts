/** The policies of the mesh in the words of another system. */
import type { ExportView } from "#api";
import type { MeshSnapshot } from "#mesh";
import { policyLabel } from "#policy";
import { type ExportedWorkload, type ExportNote, type ExportTarget, exportFor } from "#policy/export";
import { authenticationsFor } from "./exported-authentication.ts";
import { exportedWorkloads, labelsOfAccounts } from "./exported-workloads.ts";

export interface ExportRequest {
  readonly to: ExportTarget;
  readonly namespace: string | undefined;
  readonly nowMs: number;
}

export function exportView(snapshot: MeshSnapshot, { to, namespace, nowMs }: ExportRequest): ExportView {
  const { workloads, notes } = exportedWorkloads(snapshot, namespace);
  const facts = { trustDomain: snapshot.settings.trustDomain, nowMs, labelsOf: labelsOfAccounts(snapshot) };
  const written = workloads.map((workload) => exportFor(to, workload, facts));
  const namespaces = workloads.map((each) => each.namespace);
  const authentications = to === "istio" ? authenticationsFor(snapshot, { namespace, namespaces }) : [];
  const all = [...notes, ...written.flatMap((each) => each.notes), ...unwritten(snapshot, workloads, namespace)];
  return {
    workloads: workloads.map((each) => `${each.namespace}/${each.name}`),
    documents: [...authentications, ...written.flatMap(({ documents }) => documents)] as Record<string, unknown>[],
    text: written.map(({ text }) => text).join(""),
    notes: [...new Map(all.map((each) => [JSON.stringify(each), each])).values()],
  };
}

const KINDS: ReadonlySet<string> = new Set(["AuthorizationPolicy", "AccessPolicy", "NetworkPolicy"]);

/** Policies for workloads of which none is ready: the other system is told nothing of them. */
function unwritten(
  { inputs }: MeshSnapshot,
  workloads: readonly ExportedWorkload[],
  namespace: string | undefined,
): readonly ExportNote[] {
  const written = new Set(workloads.flatMap(({ ruleSets }) => ruleSets.map(({ ref }) => policyLabel(ref))));
  return inputs.resources
    .filter(({ kind, metadata }) => KINDS.has(kind) && (namespace === undefined || metadata.namespace === namespace))
    .map(({ kind, metadata }) => policyLabel({ kind, namespace: metadata.namespace, name: metadata.name }))
    .filter((policy) => !written.has(policy))
    .map((policy) => {
      const message = "holds for no service with a ready replica, and is not written";
      return { workload: "-", policy, rule: -1, effect: "not-written", message };
    });
}
