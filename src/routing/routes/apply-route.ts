/** What a rule does to a request and to its answer. */
import type { HeaderModifier, PathModifier, RequestRedirect } from "#model";
import type { WeightedBackend } from "./route-rule.ts";
import type { RoutedRequest, RouteEntry } from "./route-table.ts";

/** The backend for one request, by weight; undefined when there is none or all weigh nothing. `drawn` is from [0, 1). */
export function pickBackend<B extends WeightedBackend>(backends: readonly B[], drawn: number): B | undefined {
  if (backends.length === 1) return (backends[0] as B).weight > 0 ? backends[0] : undefined;
  let total = 0;
  for (const { weight } of backends) total += weight;
  let left = drawn * total;
  for (const backend of backends) {
    left -= backend.weight;
    if (left < 0) return backend;
  }
  return undefined;
}

/** A target with its path changed; its query stays. */
export function changedTarget(target: string, change: PathModifier, prefix: string | undefined): string {
  const question = target.indexOf("?");
  const query = question < 0 ? "" : target.slice(question);
  const path = question < 0 ? target : target.slice(0, question);
  if (change.type === "ReplaceFullPath") return change.value + query;
  const rest = path.slice((prefix ?? "").length);
  const start = change.value.endsWith("/") ? change.value.slice(0, -1) : change.value;
  return joined(start, rest) + query;
}

/** `/a` and `/b` are `/a/b`; nothing and nothing is `/`. */
function joined(start: string, rest: string): string {
  const path = rest === "" || rest.startsWith("/") ? start + rest : `${start}/${rest}`;
  return path === "" ? "/" : path;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** A request with the scheme in which its caller asked. */
export type RedirectedRequest = Pick<RoutedRequest, "authority" | "target"> & { readonly scheme: "http" | "https" };

/**
 * The `Location` of a redirect. A scheme that is given and no port means the scheme's own port; neither means scheme and port that were
 * asked (Gateway API, `HTTPRequestRedirectFilter`).
 */
export function redirectLocation(
  redirect: RequestRedirect,
  { authority, target, scheme: askedScheme }: RedirectedRequest,
  entry: RouteEntry,
): string {
  const asked = /^(?<host>.*?)(?::(?<port>\d+))?$/.exec(authority)?.groups ?? {};
  const scheme = redirect.scheme ?? askedScheme;
  const askedPort = redirect.scheme === undefined && asked["port"] !== undefined ? Number(asked["port"]) : undefined;
  const port = redirect.port ?? askedPort;
  const host = redirect.hostname ?? asked["host"] ?? "";
  const suffix = port === undefined || port === DEFAULT_PORTS[scheme] ? "" : `:${port}`;
  const path = redirect.path === undefined ? target : changedTarget(target, redirect.path, entry.prefix);
  return `${scheme}://${host}${suffix}${path}`;
}

/** The fields with those of the change set, added and removed. Names and values in turn; the order of what stays is kept. */
export function changedFields(fields: readonly string[], { set, add, remove }: HeaderModifier): string[] {
  const dropped = new Set([...remove, ...set.map(({ name }) => name)]);
  const changed: string[] = [];
  for (let index = 0; index < fields.length; index += 2)
    if (!dropped.has(fields[index] as string)) changed.push(fields[index] as string, fields[index + 1] as string);
  for (const { name, value } of [...set, ...add]) changed.push(name, value);
  return changed;
}
