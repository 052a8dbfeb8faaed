/** Routes as they travel: messages of the same shape as the values, so that each is made from the other as it is. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type ServiceKey, splitKey } from "#model";
import { type ServiceRoutesMessage, ServiceRoutesSchema } from "#proto";
import type { ByteRule, RouteRule, ServiceRoutes } from "#routing";
import { plain } from "./plain.ts";

export function encodeRoutes(key: ServiceKey, { requests = [], bytes = [] }: ServiceRoutes): Uint8Array {
  const init = { ...splitKey(key), requests, bytes } as unknown as MessageInitShape<typeof ServiceRoutesSchema>;
  return toBinary(ServiceRoutesSchema, create(ServiceRoutesSchema, init));
}

/** The value, or what is wrong with it. */
export function routesOf({ requests, bytes }: ServiceRoutesMessage): ServiceRoutes | string {
  const routes = {
    requests: requests.length === 0 ? undefined : (requests.map(plain) as unknown as readonly RouteRule[]),
    bytes: bytes.length === 0 ? undefined : (bytes.map(plain) as unknown as readonly ByteRule[]),
  };
  return faultOf(routes) ?? routes;
}

const RULES_MAX = 50_000;
const PATHS: ReadonlySet<string> = new Set(["Exact", "PathPrefix", "RegularExpression"]);
const TEXTS: ReadonlySet<string> = new Set(["Exact", "RegularExpression"]);
const CHANGES: ReadonlySet<string> = new Set(["ReplaceFullPath", "ReplacePrefixMatch"]);

/** A word of a newer server that is not known here must not be passed over: the rule would mean something else. */
function faultOf({ requests = [], bytes = [] }: ServiceRoutes): string | undefined {
  if (requests.length + bytes.length > RULES_MAX) return "it has too many rules";
  return requests.map(faultOfRule).find((fault) => fault !== undefined);
}

function faultOfRule({ source, matches, redirect, rewrite }: RouteRule): string | undefined {
  if (matches.length === 0) return `${source} matches nothing`;
  const texts = matches.flatMap((match) => [...match.headers, ...match.queryParams]);
  const paths = matches.map(({ path }) => path);
  const changes = [redirect?.path, rewrite?.path].filter((each) => each !== undefined);
  const isKnown =
    paths.every((path) => path !== undefined && PATHS.has(path.type)) &&
    texts.every(({ type }) => TEXTS.has(type)) &&
    changes.every(({ type }) => CHANGES.has(type));
  return isKnown ? undefined : `${source} has a match or a filter that is not known here`;
}
