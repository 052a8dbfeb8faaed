import { type MeshSnapshot, routesFor, type ScopedWorkload, workloadRulesFor } from "#mesh";
import type { ServiceKey } from "#model";
import { type EncodedResource, OWN_POLICY_NAME, type ResourceEncoder, type ResourceKind, SETTINGS_NAME } from "#xds";

/** What a snapshot holds for one workload, by name. Nothing of another workload has a name here. */
export class DesiredResources {
  readonly #encoder: ResourceEncoder;
  readonly #workload: ScopedWorkload;
  #policySource: MeshSnapshot["policies"] | undefined;
  #accessSource: MeshSnapshot["access"] | undefined;
  #limitSource: MeshSnapshot["limitPolicies"] | undefined;
  #tokenSource: MeshSnapshot["tokens"] | undefined;
  #providerSource: MeshSnapshot["providers"] | undefined;
  #peerSource: MeshSnapshot["peerRules"] | undefined;
  #rootNamespace = "";
  #policy: EncodedResource | undefined;

  constructor(encoder: ResourceEncoder, workload: ScopedWorkload) {
    this.#encoder = encoder;
    this.#workload = workload;
  }

  /** Undefined when there is no such resource for this workload. */
  find(snapshot: MeshSnapshot, kind: ResourceKind, name: string): EncodedResource | undefined {
    switch (kind) {
      case "MeshSettings":
        return name === SETTINGS_NAME ? this.#encoder.settings(snapshot.settings) : undefined;
      case "TrustBundle": {
        const bundle = snapshot.bundles.find(({ trustDomain }) => trustDomain === name);
        return bundle === undefined ? undefined : this.#encoder.bundle(bundle);
      }
      case "Service": {
        const service = snapshot.services.get(name as ServiceKey);
        return service === undefined ? undefined : this.#encoder.service(service);
      }
      case "ServiceRoutes": {
        const key = name as ServiceKey;
        const routes = routesFor(snapshot.routes, key, this.#workload.namespace);
        return routes === undefined ? undefined : this.#encoder.routes(key, routes);
      }
      case "InboundPolicy":
        return name === OWN_POLICY_NAME ? this.#ownPolicy(snapshot) : undefined;
    }
  }

  /** What a subscription to everything of a kind means. Services must be asked for by name. */
  names({ bundles }: MeshSnapshot, kind: ResourceKind): readonly string[] {
    switch (kind) {
      case "MeshSettings":
        return [SETTINGS_NAME];
      case "TrustBundle":
        return bundles.map(({ trustDomain }) => trustDomain);
      case "Service":
      case "ServiceRoutes":
        return [];
      case "InboundPolicy":
        return [OWN_POLICY_NAME];
    }
  }

  #ownPolicy(snapshot: MeshSnapshot): EncodedResource {
    const { policies, access, limitPolicies, tokens, providers, peerRules, settings } = snapshot;
    const isOfSame =
      this.#policySource === policies &&
      this.#accessSource === access &&
      this.#limitSource === limitPolicies &&
      this.#tokenSource === tokens &&
      this.#providerSource === providers &&
      this.#peerSource === peerRules;
    const isHeld = isOfSame && this.#rootNamespace === settings.rootNamespace;
    if (isHeld && this.#policy !== undefined) return this.#policy;
    this.#policySource = policies;
    this.#accessSource = access;
    this.#limitSource = limitPolicies;
    this.#tokenSource = tokens;
    this.#providerSource = providers;
    this.#peerSource = peerRules;
    this.#rootNamespace = settings.rootNamespace;
    this.#policy = this.#encoder.policy(workloadRulesFor(snapshot, this.#workload));
    return this.#policy;
  }
}
