/**
 * External authorization over HTTP, as Envoy's `ext_authz` does it: the request's method, path and chosen headers are asked of the
 * authorizer, whose 200 lets it pass; 5xx and silence are failures, and every other status is the denial itself.
 */
import { askHttp, type HttpAnswered } from "#engine/http-client";
import { matchesHeaderName, type NamedProvider, plainFieldName } from "#model";
import type { Authorization, CheckedHttp, CheckedRequest } from "#proxy";
import type { ClosableAuthorizer } from "./authorizers.ts";

const ANSWER_BYTES_MAX = 64 * 1024;

type Pairs = readonly (readonly [string, string])[];

export function httpAuthorizer(provider: NamedProvider): ClosableAuthorizer {
  const { isFailOpen, statusOnError, body, timeoutMs, url, caCertificates } = provider;
  const trust = caCertificates === "" ? {} : { trust: { by: "authorities", authoritiesPem: caCertificates } as const };
  return {
    isFailOpen,
    statusOnError,
    body,
    async check({ http }: CheckedRequest, signal) {
      // What cannot be asked in HTTP/1.1 is its caller's doing, and must not pass as if the authorizer were away.
      if (http === undefined || !isAskable(http)) return { kind: "denied", status: 403, fields: [], body: "" };
      const asked = await askHttp({
        url,
        ...trust,
        path: http.path,
        method: http.method,
        headers: askedHeaders(provider, http),
        ...(http.body === undefined || http.body.length === 0 ? {} : { body: http.body }),
        timeoutMs,
        bytesMax: ANSWER_BYTES_MAX,
        signal,
      });
      return asked.ok ? authorizationOf(provider, http, asked.value) : { kind: "unavailable" };
    },
    close: () => undefined,
  };
}

function isAskable({ method, path, authority }: CheckedHttp): boolean {
  return [method, path, authority].every((text) => /^[!-~]*$/.test(text)) && path.startsWith("/");
}

function askedHeaders({ headers }: NamedProvider, http: CheckedHttp): Pairs {
  const shown = pairsOf(http.fields).filter(
    ([name, value]) => matchesHeaderName(headers.inCheck, name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value),
  );
  const partial: Pairs = http.body === undefined ? [] : [["x-envoy-auth-partial-body", String(http.isPartial)]];
  const additional = headers.additional.map(({ name, value }) => [name, value] as const);
  return [["host", http.authority], ...shown, ...partial, ...additional];
}

function authorizationOf(
  { headers: rules }: NamedProvider,
  { fields }: CheckedHttp,
  { status, headers, body }: HttpAnswered,
): Authorization {
  if (status >= 500) return { kind: "unavailable" };
  const told = (patterns: readonly string[]): string[] =>
    headers.filter(([name]) => matchesHeaderName(patterns, name)).flat();
  if (status !== 200) {
    const fieldsOfDenial =
      rules.downstreamOnDeny.length === 0 ? headers.flat() : told([...rules.downstreamOnDeny, ...ALWAYS]);
    return { kind: "denied", status, fields: fieldsOfDenial, body: new TextDecoder().decode(body) };
  }
  // What the authorizer is to say for the caller, the caller does not say itself.
  const said = rules.upstreamOnAllow.map(plainFieldName);
  const spoofed = pairsOf(fields).flatMap(([name]) => (matchesHeaderName(said, plainFieldName(name)) ? [name] : []));
  const set = told(rules.upstreamOnAllow);
  return {
    kind: "allowed",
    set,
    added: [],
    removed: [...spoofed, ...removedBy(headers)],
    answer: told(rules.downstreamOnAllow),
  };
}

/** Told with a denial whatever is chosen, as in Istio. */
const ALWAYS = ["www-authenticate", "location", "content-type"];

/** Envoy's `headers_to_remove` in HTTP. */
function removedBy(headers: Pairs): readonly string[] {
  const names = headers.find(([name]) => name === "x-envoy-auth-headers-to-remove")?.[1] ?? "";
  return names.split(",").flatMap((name) => (name.trim() === "" ? [] : [name.trim().toLowerCase()]));
}

function pairsOf(fields: readonly string[]): Pairs {
  const pairs: [string, string][] = [];
  for (let index = 0; index < fields.length; index += 2) pairs.push([fields[index] ?? "", fields[index + 1] ?? ""]);
  return pairs;
}
