/**
 * A field's name as programs behind CGI's conventions know it: to them `_` and `-` are one (RFC 3875 §4.1.18). Whoever takes a header from
 * callers must take both spellings. In lower case as given.
 */
export function plainFieldName(name: string): string {
  return name.includes("_") ? name.replaceAll("_", "-") : name;
}
