import { stringify } from "yaml";
import type { Mesh, Resource } from "#model";
import { adminRoleSpec } from "./admin-role.ts";
import { authorizationProviderSpec } from "./authorization-provider.ts";
import { compact } from "./compact.ts";
import { formatDuration } from "./fields.ts";
import { nodeAttestationSpec } from "./node-attestation.ts";
import { destinationRuleSpec } from "./write-destination-rule.ts";
import {
  accessPolicySpec,
  authorizationPolicySpec,
  networkPolicySpec,
  peerAuthenticationSpec,
  rateLimitPolicySpec,
} from "./write-policy.ts";
import { requestAuthenticationSpec } from "./write-request-authentication.ts";
import { requestPolicySpec, routeSpec } from "./write-route.ts";

function meshSpec({ svidTtlMs, connectTimeoutMs, requestTimeoutMs, issuerAuthorities, ...rest }: Mesh["spec"]): object {
  return {
    ...rest,
    ...(issuerAuthorities.length === 0 ? {} : { issuerAuthorities }),
    svidTtl: formatDuration(svidTtlMs),
    connectTimeout: formatDuration(connectTimeoutMs),
    requestTimeout: formatDuration(requestTimeoutMs),
  };
}

function specOf(resource: Resource): object | undefined {
  switch (resource.kind) {
    case "Mesh":
      return meshSpec(resource.spec);
    case "AuthorizationPolicy":
      return authorizationPolicySpec(resource.spec);
    case "AuthorizationProvider":
      return authorizationProviderSpec(resource.spec);
    case "RequestAuthentication":
      return requestAuthenticationSpec(resource.spec);
    case "PeerAuthentication":
      return peerAuthenticationSpec(resource.spec);
    case "AccessPolicy":
      return accessPolicySpec(resource.spec);
    case "NetworkPolicy":
      return networkPolicySpec(resource.spec);
    case "RateLimitPolicy":
      return rateLimitPolicySpec(resource.spec);
    case "NodeAttestation":
      return compact(nodeAttestationSpec(resource.spec)) as object;
    case "AdminRole":
      return adminRoleSpec(resource.spec);
    case "HTTPRoute":
    case "GRPCRoute":
      return compact(routeSpec(resource.spec)) as object;
    case "RequestPolicy":
      return compact(requestPolicySpec(resource.spec)) as object;
    case "DestinationRule":
      return compact(destinationRuleSpec(resource.spec)) as object;
    case "TCPRoute":
    case "TLSRoute":
    case "ReferenceGrant":
    case "Federation":
      return compact(resource.spec) as object;
    case "Service":
    case "WorkloadEntry":
      return resource.spec;
    case "Namespace":
    case "ServiceAccount":
      return undefined;
  }
}

/** The resource as users write it. Read again it is the same resource. */
export function manifestOf(resource: Resource): object {
  const { apiVersion, kind, metadata } = resource;
  const { namespace, ...rest } = metadata;
  const named = namespace === "" ? rest : { namespace, ...rest };
  const spec = specOf(resource);
  return { apiVersion, kind, metadata: compact(named), ...(spec === undefined ? {} : { spec }) };
}

/** Resources as a file of YAML documents. */
export function writeManifests(resources: readonly Resource[]): string {
  return resources.map((each) => stringify(manifestOf(each))).join("---\n");
}
