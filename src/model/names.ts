/** `namespace/name` of a service, the form in which every room speaks of one. */
export type ServiceKey = `${string}/${string}`;

/** Identifies one running workload: a replica of a service account's program, such as `shop/inventory-2`. */
export type WorkloadKey = `${string}/${string}`;

/** RFC 1123 label: lower-case letters, digits and inner hyphens, at most 63. Kubernetes names of these kinds must be one. */
export const DNS_LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

export function serviceKey(namespace: string, name: string): ServiceKey {
  return `${namespace}/${name}`;
}

const SUBSET_MARK = ":";

/** Name of a part of a service (`DestinationRule.subsets`): a service too, whose name no `Service` can bear. */
export function subsetName(service: string, subset: string): string {
  return service + SUBSET_MARK + subset;
}

/** The service that a name belongs to, whether it is of a subset or not. */
export function wholeServiceName(name: string): string {
  const mark = name.indexOf(SUBSET_MARK);
  return mark < 0 ? name : name.slice(0, mark);
}

/** Splits `namespace/name`. A key without a slash is a name in the namespace `default`. */
export function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf("/");
  return slash < 0
    ? { namespace: "default", name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
