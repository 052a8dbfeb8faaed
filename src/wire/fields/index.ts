/**
 * Header fields in the flat form that both HTTP versions share: name, value, name, value, and so on.
 *
 * Names are lower-case, values are latin1 with surrounding whitespace removed. A flat list costs one array a message instead
 * of one object a field, and keeps order and repetition as they were sent.
 */
export type FieldList = string[];

/** The first value of the field, or undefined. `name` must be lower-case. */
export function fieldValue(fields: FieldList, name: string): string | undefined {
  for (let index = 0; index < fields.length; index += 2) if (fields[index] === name) return fields[index + 1];
  return undefined;
}

/** How many times the field was sent. */
export function countFields(fields: FieldList, name: string): number {
  let count = 0;
  for (let index = 0; index < fields.length; index += 2) if (fields[index] === name) count++;
  return count;
}

/** An authority as a URI has it (RFC 3986 §3.2) without user information: what follows `@` is not the host that it seems to be. */
const AUTHORITY = /^(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?$/;

export function isAuthority(text: string): boolean {
  return AUTHORITY.test(text);
}

/** A protocol's name with or without its version (RFC 9110 §7.8). */
const PROTOCOL = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:\/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)?$/;
/** HTTP itself by its names of old and new (`h2c-14`, `HTTP/2.0`), and TLS, in which it may come (RFC 2817). */
const CARRIES_REQUESTS = /^(?:h2c?|h3|https?|tls)(?:[-/].*)?$/i;

/**
 * Whether a connection may be given over to this protocol, one by its name. What carries requests itself is refused: they would reach the
 * app behind the one that asked, and nobody would have decided them.
 */
export function isSwitchable(protocol: string): boolean {
  return PROTOCOL.test(protocol) && !CARRIES_REQUESTS.test(protocol);
}
