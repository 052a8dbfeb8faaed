import type { RegistryEntry, WorkloadRegistry } from "#discovery";
import { SERVICE_LABEL } from "#mesh";
import type { DiscoveryServer, Refusal } from "#xds/server";

/** One replica as `/api/v1/workloads`, the console and `heddle check` show it. */
export interface WorkloadView {
  readonly instance: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly service: string;
  readonly role: "service" | "gateway" | "load-balancer";
  readonly address: string;
  readonly meshPort: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly ready: boolean;
  readonly state: RegistryEntry["state"];
  readonly agentConnected: boolean;
  readonly agentVersion: string;
  /** Of the configuration in force at the agent. */
  readonly revision: number;
  readonly svidNotAfterMs: number;
  readonly rotations: number;
  /** What the agent refused and why; null when it took everything. */
  readonly refusal: Refusal | null;
}

const ROLE_LABEL = "heddle.dev/role";

/** Every known replica, stale ones too. */
export function workloadViews(registry: WorkloadRegistry, discovery: DiscoveryServer): readonly WorkloadView[] {
  const connected = new Map(
    discovery.agents.map((each) => [`${each.agent.namespace}/${each.agent.instance}`, each] as const),
  );
  return registry.entries.map(({ workload, state, rotations }) => {
    const agent = connected.get(workload.key);
    const { instance, namespace, serviceAccount, address, meshPort, labels, agentVersion } = workload;
    return {
      instance,
      namespace,
      serviceAccount,
      service: labels[SERVICE_LABEL] ?? labels["app"] ?? serviceAccount,
      role: roleOf(workload.mode, labels[ROLE_LABEL]),
      address,
      meshPort,
      labels,
      ready: workload.ready && state !== "stale",
      state,
      agentConnected: agent !== undefined,
      agentVersion,
      revision: Math.max(workload.revision, agent?.revision ?? 0),
      svidNotAfterMs: workload.servedSvidNotAfterMs,
      rotations,
      refusal: agent?.refusal ?? null,
    };
  });
}

function roleOf(mode: string, label: string | undefined): WorkloadView["role"] {
  if (label === "gateway" || label === "load-balancer") return label;
  return mode === "gateway" ? "gateway" : "service";
}
