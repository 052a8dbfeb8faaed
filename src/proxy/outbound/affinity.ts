/** Which requests meet the same endpoint: the hash of what their service's policy names (Envoy's `hash_policy`). */
import type { HashKey } from "#model";
import { type Hash64, queryValue, xxHash64 } from "#routing";
import { fieldValue } from "#wire/fields";
import type { AskedRequest } from "../fields.ts";

export interface Affinity {
  readonly hash: Hash64 | undefined;
  /** `Set-Cookie` for a caller that was given a cookie to come back with. */
  readonly setCookie: string | undefined;
}

const NONE: Affinity = { hash: undefined, setCookie: undefined };

/** A request without what is named is balanced by chance; `newCookie` makes the value of a cookie for one that has none. */
export function affinityOf(
  key: HashKey,
  request: AskedRequest,
  { callerAddress, newCookie }: { readonly callerAddress: string; readonly newCookie: () => string },
): Affinity {
  const value = keyedValue(key, request, callerAddress);
  if (value !== undefined) return { hash: xxHash64(value), setCookie: undefined };
  if (key.kind !== "cookie") return NONE;
  const made = newCookie();
  const life = key.ttlMs === 0 ? "" : `; Max-Age=${Math.floor(key.ttlMs / 1000)}`;
  return { hash: xxHash64(made), setCookie: `${key.name}="${made}"${life}; Path=${key.path}; HttpOnly` };
}

function keyedValue(key: HashKey, { fields, target }: AskedRequest, callerAddress: string): string | undefined {
  switch (key.kind) {
    case "header":
      return fieldValue(fields, key.name);
    case "query":
      return queryValue(target, key.name);
    case "source-ip":
      return callerAddress;
    case "cookie":
      return cookieValue(fieldValue(fields, "cookie") ?? "", key.name);
  }
}

/** The value of a cookie, without the quotes that may stand around it (RFC 6265 §4.1.1). */
function cookieValue(cookies: string, name: string): string | undefined {
  for (const pair of cookies.split(";")) {
    const equals = pair.indexOf("=");
    if (pair.slice(0, equals).trim() === name)
      return pair
        .slice(equals + 1)
        .trim()
        .replaceAll('"', "");
  }
  return undefined;
}
