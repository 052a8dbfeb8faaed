/** The policies of the mesh in the words of another system. */
import type { ExportView } from "#api";
import type { MeshSnapshot } from "#mesh";
import type { Resource } from "#model";
import { manifestOf } from "#model/manifest";
import { policyLabel } from "#policy";
import { type ExportedWorkload, type ExportNote, type ExportTarget, exportFor } from "#policy/export";
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
  const tokens = to === "istio" ? authentications(snapshot, namespace) : [];
  const all = [...notes, ...written.flatMap((each) => each.notes), ...unwritten(snapshot, workloads, namespace)];
  return {
    workloads: workloads.map((each) => `${each.namespace}/${each.name}`),
    documents: [...tokens, ...written.flatMap(({ documents }) => documents)] as Record<string, unknown>[],
    text: written.map(({ text }) => text).join(""),
    notes: [...new Map(all.map((each) => [JSON.stringify(each), each])).values()],
  };
}

const AUTHENTICATIONS: ReadonlySet<Resource["kind"]> = new Set(["RequestAuthentication", "PeerAuthentication"]);

/** Without them Istio verifies no token, and a rule that denies by one would deny nothing. */
function authentications({ inputs, settings }: MeshSnapshot, namespace: string | undefined): readonly object[] {
  const isWanted = (each: string): boolean =>
    namespace === undefined || each === namespace || each === settings.rootNamespace;
  return inputs.resources
    .filter(({ kind, metadata }) => AUTHENTICATIONS.has(kind) && isWanted(metadata.namespace))
    .map((each) => manifestOf(unstamped(each)));
}

/** What the store has written into an object is its own. */
function unstamped(resource: Resource): Resource {
  const {
    resourceVersion: _,
    uid: _uid,
    generation: _generation,
    creationTimestamp: _created,
    ...metadata
  } = resource.metadata;
  return { ...resource, metadata };
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
