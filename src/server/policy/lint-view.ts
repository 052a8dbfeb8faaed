/** What is wrong with the policies of the mesh, or would be with files laid over them. */
import type { LintView } from "#api";
import type { MeshSnapshot } from "#mesh";
import { type Resource, type Result, type Service, success, type WorkloadEntry } from "#model";
import { parseManifests } from "#model/manifest";
import { policyLabel } from "#policy";
import { type AnyPolicy, type KnownService, type KnownWorkload, lintPolicies } from "#policy/lint";
import { overlaid } from "./overlay.ts";

interface ResourceFile {
  readonly file: string;
  readonly text: string;
}

/** Fails where a file is no manifest. Findings of a file's own policies alone would miss what they do to others: all are told. */
export function lintView(snapshot: MeshSnapshot, files: readonly ResourceFile[], nowMs: number): Result<LintView> {
  const given = parseManifests(files);
  if (!given.ok) return given;
  const resources = overlaid(snapshot.inputs.resources, given.value);
  const policies = resources.filter(isPolicy);
  const findings = lintPolicies(policies, {
    trustDomain: snapshot.settings.trustDomain,
    federated: resources.flatMap((each) => (each.kind === "Federation" ? [each.spec.trustDomain] : [])),
    rootNamespace: snapshot.settings.rootNamespace,
    nowMs,
    namespaces: resources.filter(({ kind }) => kind === "Namespace"),
    accounts: resources.filter(({ kind }) => kind === "ServiceAccount"),
    workloads: workloadsOf(snapshot, resources),
    services: servicesOf(snapshot, resources),
    authorizers: resources.flatMap(({ kind, metadata }) => (kind === "AuthorizationProvider" ? [metadata.name] : [])),
  });
  const told = findings.map((each) => ({ ...each, label: policyLabel(each.policy) }));
  return success({ policies: policies.length, findings: told });
}

function isPolicy(resource: Resource): resource is AnyPolicy {
  return ["AuthorizationPolicy", "AccessPolicy", "NetworkPolicy"].includes(resource.kind);
}

/** A workload that is written down and announced itself too has both its labels. */
function workloadsOf({ inputs }: MeshSnapshot, resources: readonly Resource[]): readonly KnownWorkload[] {
  const entries = resources.filter((each): each is WorkloadEntry => each.kind === "WorkloadEntry");
  const written = entries.map(({ metadata: { namespace }, spec }) => ({
    namespace,
    serviceAccount: spec.serviceAccount === "" ? "default" : spec.serviceAccount,
    labels: spec.labels,
  }));
  return [...inputs.registrations.values(), ...written];
}

function servicesOf({ services }: MeshSnapshot, resources: readonly Resource[]): readonly KnownService[] {
  const written = resources.filter((each): each is Service => each.kind === "Service");
  return [...services.values(), ...written.map(({ metadata }) => metadata)];
}
