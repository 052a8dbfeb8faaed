import { ciliumExport } from "./cilium.ts";
import { envoyExport } from "./envoy-rbac.ts";
import type { ExportedWorkload, ExportFacts, ExportTarget, Written } from "./export.ts";
import { istioExport } from "./istio.ts";
import { linkerdExport } from "./linkerd.ts";
import { networkPolicyExport } from "./network-policy.ts";
import { nftablesExport } from "./nftables.ts";

const WRITERS: Readonly<Record<ExportTarget, (workload: ExportedWorkload, facts: ExportFacts) => Written>> = {
  istio: istioExport,
  "kubernetes-networkpolicy": networkPolicyExport,
  "envoy-rbac": envoyExport,
  nftables: nftablesExport,
  linkerd: linkerdExport,
  cilium: ciliumExport,
};

/** What is in force at a workload, in the words of another system. */
export function exportFor(target: ExportTarget, workload: ExportedWorkload, facts: ExportFacts): Written {
  return WRITERS[target](workload, facts);
}
