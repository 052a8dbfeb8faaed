/** How the callers of one workload prove who they are, by the PeerAuthentications in force there. */
import { hasLabels, type MtlsMode, type MtlsSetting, type PeerAuthentication, type Resource } from "#model";
import { byAge } from "./age.ts";
import type { ScopedWorkload } from "./scope.ts";

/** What one PeerAuthentication says, and of whom. */
export interface PeerRule extends Pick<PeerAuthentication["spec"], "selector" | "mtls" | "portLevelMtls"> {
  readonly namespace: string;
}

/** Where nothing says otherwise. Istio's is `PERMISSIVE`. */
const DEFAULT_MODE: MtlsMode = "STRICT";

/** The oldest first: of two that say it of the same workloads, the older has its way. */
export function peerRulesOf(resources: readonly Resource[]): readonly PeerRule[] {
  return resources
    .filter((each) => each.kind === "PeerAuthentication")
    .toSorted(byAge)
    .map(({ metadata: { namespace }, spec: { selector, mtls, portLevelMtls } }) => ({
      namespace,
      selector,
      mtls,
      portLevelMtls,
    }));
}

/**
 * That of the workload before its namespace's before the root namespace's; `UNSET` passes the question on (Istio, PeerAuthentication).
 * Selectors hold in their own namespace only. Of ports, the one that the app listens on counts: an agent serves no other.
 */
export function mtlsModeFor(
  { namespace, labels, appPort }: ScopedWorkload,
  rules: readonly PeerRule[],
  rootNamespace: string,
): MtlsMode {
  const ofWorkload = rules.find(
    ({ namespace: own, selector }) => own === namespace && selector !== undefined && hasLabels(labels, selector),
  );
  const ofAll = (own: string): PeerRule | undefined =>
    rules.find((each) => each.namespace === own && each.selector === undefined);
  const settings: readonly (MtlsSetting | undefined)[] = [
    appPort === undefined ? undefined : ofWorkload?.portLevelMtls[String(appPort)],
    ofWorkload?.mtls,
    ofAll(namespace)?.mtls,
    ofAll(rootNamespace)?.mtls,
  ];
  return settings.find((each) => each !== undefined && each !== "UNSET") ?? DEFAULT_MODE;
}
