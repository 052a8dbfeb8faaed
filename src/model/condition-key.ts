/** What a condition of a policy (`when`) looks at. Keys are Istio's. */
export type ConditionKey =
  | { readonly kind: "request.headers" /** Lower case. */; readonly name: string }
  | { readonly kind: "request.auth.claims" /** Outermost first. */; readonly path: readonly string[] }
  | { readonly kind: PlainKey };

const PLAIN_KEYS = [
  "source.ip",
  "remote.ip",
  "source.namespace",
  "source.principal",
  "request.auth.principal",
  "request.auth.audiences",
  "request.auth.presenter",
  "destination.ip",
  "destination.port",
  "connection.sni",
] as const;
type PlainKey = (typeof PLAIN_KEYS)[number];

const HEADER_KEY = /^request\.headers\[([!#$%&'*+.^_`|~0-9A-Za-z-]{1,256})\]$/;
const CLAIM_KEY = /^request\.auth\.claims((?:\[[^[\]]{1,256}\]){1,16})$/;
const FILTER_KEY = "experimental.envoy.filters.";

/** The key, or what is wrong with it. */
export function parseConditionKey(key: string): ConditionKey | string {
  const plain = PLAIN_KEYS.find((each) => each === key);
  if (plain !== undefined) return { kind: plain };
  const header = HEADER_KEY.exec(key)?.[1];
  if (header !== undefined) return { kind: "request.headers", name: header.toLowerCase() };
  const claims = CLAIM_KEY.exec(key)?.[1];
  if (claims !== undefined) return { kind: "request.auth.claims", path: claims.slice(1, -1).split("][") };
  if (key.startsWith(FILTER_KEY))
    return `\`${key}\` looks into a filter of Envoy, which is not in this data plane; use \`request.headers[…]\` or \`request.auth.claims[…]\``;
  return `there is no key \`${key}\`; the keys are request.headers[NAME], request.auth.claims[NAME], ${PLAIN_KEYS.join(", ")}`;
}
