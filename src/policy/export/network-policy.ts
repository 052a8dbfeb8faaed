/**
 * Kubernetes' NetworkPolicy (`networking.k8s.io/v1`), one for each workload, by pods, blocks and ports.
 */
import { manifestOf } from "#model/manifest";
import type { Term } from "#policy";
import { isWholePorts } from "./addresses.ts";
import type { ExportedWorkload, ExportFacts, Written } from "./export.ts";
import { cannotBeCaller, type Opening, openingsFor } from "./openings.ts";

export function networkPolicyExport(workload: ExportedWorkload, facts: ExportFacts): Written {
  const { namespace, name, labels } = workload;
  const { openings, notes } = openingsFor(workload, facts, cannotHold);
  if (openings === undefined) return { documents: [], text: "", notes };
  const document = manifestOf({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { namespace, name, labels: {}, annotations: {} },
    spec: {
      podSelector: { matchLabels: labels, matchExpressions: [] },
      ingress: openings.map(ruleOf),
      egress: undefined,
    },
  });
  return { documents: [document], text: "", notes };
}

function cannotHold(term: Term): string | undefined {
  return cannotBeCaller(term, "NetworkPolicy knows pods, addresses and ports, and no requests");
}

function ruleOf({ peer, ports }: Opening) {
  const isAll = isWholePorts(ports);
  const written = ports.map(([first, last]) => ({
    protocol: "TCP" as const,
    port: isAll ? undefined : first,
    endPort: isAll || first === last ? undefined : last,
  }));
  return { peers: peer === undefined ? [] : [peer], ports: written };
}
