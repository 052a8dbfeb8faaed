/** Header fields as a policy sees them: a flat list of names and values. */
import { type IpAddress, parseAddress } from "#model";
import type { RequestAttributes } from "./request.ts";
import type { StringMatcher } from "./strings.ts";

/** Whether a header has the value by one of its readings, or by all of them. */
export type Reading = "any" | "all";

/**
 * A header that was sent once has one reading. One that was sent several times is read by some as the values joined by commas (RFC 9110
 * §5.3) and by others as one of them: `reading` says which of these must match. One that was not sent matches nothing.
 */
export function matchesHeader(
  { name, matcher }: { readonly name: string; readonly matcher: StringMatcher },
  headers: readonly string[],
  reading: Reading,
): boolean {
  let first: string | undefined;
  let joined = "";
  let matched = 0;
  let count = 0;
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index] !== name) continue;
    const value = headers[index + 1] as string;
    joined = first === undefined ? value : `${joined},${value}`;
    first ??= value;
    count++;
    if (matchesValue(matcher, value)) matched++;
  }
  if (count <= 1) return matched === 1;
  const isJoinedMatch = matchesValue(matcher, joined);
  return reading === "any" ? isJoinedMatch || matched > 0 : isJoinedMatch && matched === count;
}

/** By its name in lower case. */
export function isHeaderSent(headers: readonly string[], name: string): boolean {
  for (let index = 0; index < headers.length; index += 2) if (headers[index] === name) return true;
  return false;
}

/** A header without a value is present all the same. */
function matchesValue(matcher: StringMatcher, value: string): boolean {
  return matcher.matches(value) || matcher.matchesPresent;
}

/**
 * The client as the last hop before this mesh saw it: the last entry of `x-forwarded-for`, which an agent at the edge writes itself;
 * without one, where the connection comes from. Undefined when the entry is no address.
 */
export function remoteAddressOf({ headers, sourceAddress }: RequestAttributes): IpAddress | undefined {
  let forwarded: string | undefined;
  for (let index = 0; index < headers.length; index += 2)
    if (headers[index] === "x-forwarded-for") forwarded = headers[index + 1];
  if (forwarded === undefined) return sourceAddress;
  return parseAddress(forwarded.slice(forwarded.lastIndexOf(",") + 1).trim());
}
