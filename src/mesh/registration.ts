import type { SpiffeId } from "#identity";
import type { WorkloadKey } from "#model";

/** A running workload as its agent announced it. Who it is comes from the announcer's certificate. */
export interface Registration {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly instance: string;
  readonly spiffeId: SpiffeId;
  /** Where the workload's inbound mesh listener is. */
  readonly address: string;
  readonly meshPort: number;
  readonly appPort: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Only a ready workload is given out as an endpoint. */
  readonly ready: boolean;
}

/** Label by which a workload says which service of its namespace it serves, where no selector says so. */
export const SERVICE_LABEL = "heddle.dev/service";

export function registrationKey({ namespace, instance }: Pick<Registration, "namespace" | "instance">): WorkloadKey {
  return `${namespace}/${instance}`;
}
