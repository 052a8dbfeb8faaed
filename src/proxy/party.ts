import { splitKey, versionOf } from "#model";
import type { Party } from "#telemetry";
import type { ProxyContext } from "./context.ts";

/** This agent's workload as telemetry names it. */
export function selfParty({ workload, identity }: Pick<ProxyContext, "workload" | "identity">): Party {
  return {
    namespace: workload.namespace,
    workload: workload.serviceAccount,
    instance: workload.instance,
    principal: identity.spiffeId.uri,
    service: workload.service === undefined ? "" : splitKey(workload.service).name,
    version: versionOf(workload.labels),
  };
}
