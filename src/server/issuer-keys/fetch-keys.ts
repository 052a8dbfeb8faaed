/** The keys of one issuer, from where it publishes them. */
import type { HttpAnswered, HttpAsk } from "#engine/http-client";
import {
  failure,
  type IssuerKeySource,
  JWKS_CHARS_MAX,
  parseJsonWebKeys,
  problem,
  type Result,
  success,
  writeJsonWebKeys,
} from "#model";

export type Ask = (ask: HttpAsk) => Promise<Result<HttpAnswered>>;

export interface KeyFetch {
  readonly source: Exclude<IssuerKeySource, { readonly kind: "inline" }>;
  /** Authorities (PEM) by the host that they vouch for; other hosts are known by the roots that the machine trusts. */
  readonly authorities: ReadonlyMap<string, string>;
  /** Of each request. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** The usable public keys as a JSON Web Key Set and nothing else. Fails with `HDL_SERVER_ISSUER_KEYS`, which names what was asked. */
export async function fetchKeys(ask: Ask, fetch: KeyFetch): Promise<Result<string>> {
  const uri = fetch.source.kind === "uri" ? success(fetch.source.uri) : await discoveredUri(ask, fetch);
  if (!uri.ok) return uri;
  const text = await read(ask, uri.value, fetch);
  if (!text.ok) return text;
  const keys = parseJsonWebKeys(text.value);
  return keys.ok ? success(writeJsonWebKeys(keys.value)) : refuse(`${uri.value} ${keys.problems[0].message}`);
}

/** OpenID Connect Discovery 1.0 §4. */
async function discoveredUri(ask: Ask, fetch: KeyFetch): Promise<Result<string>> {
  const issuer = fetch.source.kind === "discovery" ? fetch.source.issuer : "";
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const text = await read(ask, url, fetch);
  if (!text.ok) return text;
  const said = metadataIn(text.value);
  // §4.3: otherwise one issuer could speak for another.
  if (said?.issuer !== issuer) return refuse(`${url} is not the metadata of ${issuer}`);
  const uri = typeof said.jwks_uri === "string" ? said.jwks_uri : "";
  const scheme = URL.parse(uri)?.protocol;
  const isSafe = scheme === "https:" || (scheme === "http:" && issuer.startsWith("http:"));
  return isSafe ? success(uri) : refuse(`${url} names no \`jwks_uri\` that can be used`);
}

function metadataIn(text: string): { readonly issuer?: unknown; readonly jwks_uri?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

async function read(ask: Ask, url: string, { timeoutMs, signal, authorities }: KeyFetch): Promise<Result<string>> {
  const headers = [["accept", "application/json"]] as const;
  const authoritiesPem = authorities.get(URL.parse(url)?.hostname ?? "");
  const trust = authoritiesPem === undefined ? {} : { trust: { by: "authorities", authoritiesPem } as const };
  const asked = await ask({ url, headers, timeoutMs, bytesMax: JWKS_CHARS_MAX, signal, ...trust });
  if (!asked.ok) return refuse(asked.problems[0].message.replace(/\.$/, ""), asked.problems[0].cause);
  const { status, body } = asked.value;
  return status === 200 ? success(new TextDecoder().decode(body)) : refuse(`${url} answered with status ${status}`);
}

function refuse(why: string, cause?: unknown): Result<never> {
  return failure(problem("HDL_SERVER_ISSUER_KEYS", `${why}.`, { cause }));
}
