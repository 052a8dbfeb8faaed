/** Patterns as regular expressions of RE2, which match whole texts. */

/** `abc`, `abc*`, `*abc`, or `*` for what is there. `any` is what a star stands for. */
export function textRegex(pattern: string, any = ".*"): string {
  if (pattern === "*") return any === ".*" ? ".+" : any.replace(/\*$/, "+");
  if (pattern.endsWith("*")) return escaped(pattern.slice(0, -1)) + any;
  return pattern.startsWith("*") ? any + escaped(pattern.slice(1)) : escaped(pattern);
}

/** A path template: `{*}` is one segment, `{**}` any number of characters. */
export function templateRegex(pattern: string): string {
  const parts = pattern.split(/(\{\*\*?\})/);
  return parts.map((part) => (part === "{*}" ? "[^/]+" : part === "{**}" ? ".*" : escaped(part))).join("");
}

export function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** What may be read in several ways: encoded, with parameters, with empty or dotted segments. */
export const AMBIGUOUS_PATH = "(?s).*(?:[%\\\\;]|//|/\\.\\.?(?:/|$)).*";
