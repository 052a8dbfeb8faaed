/** The configuration from the server, compiled to what the proxy looks things up in. */
import { bundleSet, ownBundle, type TlsIdentity } from "#identity";
import { appProtocolOf } from "#model";
import { compilePolicy } from "#policy";
import type { ProxyTables } from "#proxy";
import type { AgentConfig } from "#xds";

/** The bundle that came with the agent's own certificate holds until the server sends a newer one. */
export function compileTables(config: AgentConfig, identity: TlsIdentity): ProxyTables {
  const { explainDenials, traceSampling, connectTimeoutMs, requestTimeoutMs } = config.settings;
  return {
    revision: config.revision,
    settings: { explainDenials, traceSampling, connectTimeoutMs, requestTimeoutMs },
    bundles: bundleSet([ownBundle(identity), ...config.bundles]),
    inbound: compilePolicy(config.policies),
    outbound: new Map(
      [...config.services].map(([service, { endpoints, ports }]) => [
        service,
        { endpoints, protocol: ports[0] === undefined ? "auto" : appProtocolOf(ports[0]) },
      ]),
    ),
  };
}
