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
