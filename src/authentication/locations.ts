/** Where a request carries tokens (RFC 6750 §2, RFC 6265 §4.2), and the same request without them. */
import { plainFieldName, type TokenLocations } from "#model";

/** Flat: name, value, name, value. Names in lower case. */
export type Fields = readonly string[];

/** One place at which a rule looks. */
export type Place =
  | { readonly kind: "header"; readonly name: string; readonly prefix: string }
  | { readonly kind: "param"; readonly name: string }
  | { readonly kind: "cookie"; readonly name: string };

/** Istio's: the header of RFC 6750 §2.1, and the parameter of §2.3. */
const DEFAULT_PLACES: readonly Place[] = [
  { kind: "header", name: "authorization", prefix: "Bearer " },
  { kind: "param", name: "access_token" },
];

export function placesOf({ headers, params, cookies }: TokenLocations): readonly Place[] {
  const places: readonly Place[] = [
    ...headers.map(({ name, prefix }) => ({ kind: "header" as const, name, prefix })),
    ...params.map((name) => ({ kind: "param" as const, name })),
    ...cookies.map((name) => ({ kind: "cookie" as const, name })),
  ];
  return places.length === 0 ? DEFAULT_PLACES : places;
}

/** What stands at a place. Something that stands there twice is never a token: the app might read the other one. */
export type Found =
  | { readonly kind: "none" }
  | { readonly kind: "token"; readonly text: string }
  | { readonly kind: "twice" };

const NONE: Found = { kind: "none" };
const TWICE: Found = { kind: "twice" };

export function findAt(place: Place, fields: Fields, path: string): Found {
  switch (place.kind) {
    case "header":
      return inHeader(fields, place);
    case "param":
      return only(paramsOf(path).filter(({ name }) => name === place.name));
    case "cookie":
      return only(cookiesOf(fields).filter(({ name }) => name === place.name));
  }
}

function only(found: readonly { readonly value: string }[]): Found {
  const [first] = found;
  if (first === undefined || first.value === "") return found.length > 1 ? TWICE : NONE;
  return found.length > 1 ? TWICE : { kind: "token", text: first.value };
}

function inHeader(fields: Fields, { name, prefix }: Extract<Place, { kind: "header" }>): Found {
  let value: string | undefined;
  for (let index = 0; index < fields.length; index += 2) {
    if (fields[index] !== name) continue;
    if (value !== undefined) return TWICE;
    value = fields[index + 1] as string;
  }
  if (value === undefined || value === "" || !hasPrefix(value, name, prefix)) return NONE;
  return { kind: "token", text: value.slice(prefix.length).trim() };
}

/** The name of an authentication scheme is compared without case (RFC 9110 §11.1); an app may read it so, and then it must be verified. */
function hasPrefix(value: string, name: string, prefix: string): boolean {
  if (name !== "authorization") return value.startsWith(prefix);
  return value.slice(0, prefix.length).toLowerCase() === prefix.toLowerCase();
}

interface Named {
  readonly name: string;
  readonly value: string;
}

function paramsOf(path: string): readonly Named[] {
  const query = path.indexOf("?");
  return query < 0
    ? []
    : path
        .slice(query + 1)
        .split("&")
        .map(paramOf);
}

function paramOf(part: string): Named {
  const equals = part.indexOf("=");
  const [name, value] = equals < 0 ? [part, ""] : [part.slice(0, equals), part.slice(equals + 1)];
  return { name: decoded(name), value: decoded(value) };
}

function decoded(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function cookiesOf(fields: Fields): readonly Named[] {
  const cookies: Named[] = [];
  for (let index = 0; index < fields.length; index += 2)
    if (fields[index] === "cookie") cookies.push(...crumbsOf(fields[index + 1] as string).map(cookieOf));
  return cookies;
}

function crumbsOf(cookie: string): readonly string[] {
  return cookie.split(";");
}

function cookieOf(crumb: string): Named {
  const equals = crumb.indexOf("=");
  if (equals < 0) return { name: crumb.trim(), value: "" };
  return {
    name: crumb.slice(0, equals).trim(),
    value: crumb
      .slice(equals + 1)
      .trim()
      .replace(/^"(.*)"$/, "$1"),
  };
}

/** The fields without what stands at the places, however their names are spelt. */
export function fieldsWithout(fields: Fields, places: readonly Place[]): string[] {
  const headers = new Set(places.flatMap((each) => (each.kind === "header" ? [plainFieldName(each.name)] : [])));
  const cookies = new Set(places.flatMap((each) => (each.kind === "cookie" ? [each.name] : [])));
  const kept: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (headers.has(plainFieldName(name))) continue;
    const value = fields[index + 1] as string;
    if (name !== "cookie" || cookies.size === 0) kept.push(name, value);
    else {
      const crumbs = crumbsOf(value).filter((crumb) => !cookies.has(cookieOf(crumb).name));
      if (crumbs.length > 0) kept.push(name, crumbs.join(";").trim());
    }
  }
  return kept;
}

/** The path and query without the parameters at the places. */
export function pathWithout(path: string, places: readonly Place[]): string {
  const names = new Set(places.flatMap((each) => (each.kind === "param" ? [each.name] : [])));
  const query = path.indexOf("?");
  if (query < 0 || names.size === 0) return path;
  const kept = path
    .slice(query + 1)
    .split("&")
    .filter((part) => !names.has(paramOf(part).name));
  return kept.length === 0 ? path.slice(0, query) : `${path.slice(0, query)}?${kept.join("&")}`;
}
