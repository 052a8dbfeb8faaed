import { stringify } from "yaml";
import type { AuthorizationPolicy, Mesh, Resource } from "#model";
import { formatDuration } from "./fields.ts";
import { destinationRuleSpec } from "./write-destination-rule.ts";
import { routeSpec } from "./write-route.ts";

/** Leaves out what says nothing: absent values, empty lists and empty maps. */
function compact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(compact);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value)
    .map(([name, each]) => [name, compact(each)] as const)
    .filter(([, each]) => each !== undefined && !isEmpty(each));
  return Object.fromEntries(kept);
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function meshSpec({ svidTtlMs, connectTimeoutMs, requestTimeoutMs, ...rest }: Mesh["spec"]): object {
  return {
    ...rest,
    svidTtl: formatDuration(svidTtlMs),
    connectTimeout: formatDuration(connectTimeoutMs),
    requestTimeout: formatDuration(requestTimeoutMs),
  };
}

/** A rule without conditions is written `{}`: it matches all, where no rules at all match nothing. */
function policySpec({ selector, action, rules }: AuthorizationPolicy["spec"]): object {
  return {
    ...(selector === undefined ? {} : { selector: { matchLabels: selector } }),
    action,
    ...(rules === undefined
      ? {}
      : {
          rules: rules.map(({ from, to }) => ({
            ...(from.length === 0 ? {} : { from: from.map((source) => ({ source: compact(source) })) }),
            ...(to.length === 0 ? {} : { to: to.map((operation) => ({ operation: compact(operation) })) }),
          })),
        }),
  };
}

function specOf(resource: Resource): object | undefined {
  switch (resource.kind) {
    case "Mesh":
      return meshSpec(resource.spec);
    case "AuthorizationPolicy":
      return policySpec(resource.spec);
    case "HTTPRoute":
    case "GRPCRoute":
      return compact(routeSpec(resource.spec)) as object;
    case "DestinationRule":
      return compact(destinationRuleSpec(resource.spec)) as object;
    case "TCPRoute":
    case "TLSRoute":
    case "ReferenceGrant":
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
