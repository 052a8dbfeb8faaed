/**
 * Start lines and field lines (RFC 9112 §2–5), read from one latin1 string that ends with the empty line.
 *
 * Strict where the RFC lets a recipient be lenient: bare CR or LF, folded fields and whitespace before the colon are
 * refused, since a parser behind us may read them otherwise.
 */
import type { FieldList } from "#wire/fields";
import type { Http1Fault } from "./fault.ts";

/** RFC 9110 §5.6.2 tchar: 1 for a token character, 2 for an upper-case letter, 0 for anything else. */
const TOKEN = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") TOKEN[char.charCodeAt(0)] = 1;
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZ") TOKEN[char.charCodeAt(0)] = 2;

/** Visible characters, blanks and obs-text; everything else has no place in a head. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const FORBIDDEN = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?:^|[^\r])\n/;

/** RFC 9112 §3.2: visible ASCII without blanks; `#` never travels. */
const TARGET = /^[\x21\x22\x24-\x7e]+$/;

/** A tab in the value of such a field is a blank to some parsers and a part of the value to others, who then see another message. */
const FRAMING: ReadonlySet<string> = new Set(["content-length", "transfer-encoding", "connection"]);

const COLON = 0x3a;
const SPACE = 0x20;
const TAB = 0x09;

/** The fault of a head's characters, looked for once for all its lines. */
export function faultOfCharacters(head: string): Http1Fault | undefined {
  const found = FORBIDDEN.exec(head);
  if (found === null) return undefined;
  return found[0].endsWith("\n") || found[0] === "\r" ? "bare-line-feed" : "bad-field-value";
}

export function isToken(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (TOKEN[text.charCodeAt(index)] === 0) return false;
  return text.length > 0;
}

/** Appends the field lines of `head` from `start` to `fields`; each ends with CR LF, the last is followed by an empty line. */
export function readFields(head: string, start: number, fields: FieldList): Http1Fault | undefined {
  let at = start;
  while (head.charCodeAt(at) !== 0x0d) {
    const first = head.charCodeAt(at);
    if (first === SPACE || first === TAB) return "folded-field";
    const colon = endOfName(head, at);
    if (colon < 0) return "bad-field-name";
    const end = head.indexOf("\r\n", colon);
    if (end < 0) return "bad-field-value";
    const name = nameOf(head, at, colon);
    const value = trimmedValue(head, colon + 1, end);
    if (FRAMING.has(name) && head.slice(colon, end).includes("\t")) return "bad-field-value";
    fields.push(name, value);
    at = end + 2;
  }
  return undefined;
}

/** Index of the colon that ends a name, or -1: names are tokens and touch their colon (RFC 9112 §5.1). */
function endOfName(head: string, start: number): number {
  let at = start;
  while ((TOKEN[head.charCodeAt(at)] ?? 0) !== 0) at++;
  return at > start && head.charCodeAt(at) === COLON ? at : -1;
}

function nameOf(head: string, start: number, end: number): string {
  for (let at = start; at < end; at++) {
    if (TOKEN[head.charCodeAt(at)] === 2) return head.slice(start, end).toLowerCase();
  }
  return head.slice(start, end);
}

function trimmedValue(head: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(head.charCodeAt(from))) from++;
  while (to > from && isBlank(head.charCodeAt(to - 1))) to--;
  return head.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

export interface RequestLine {
  readonly method: string;
  readonly target: string;
  /** 0 or 1 of HTTP/1.x. */
  readonly minor: 0 | 1;
}

/** `method SP target SP HTTP/1.x`, single spaces, no leniency (RFC 9112 §3). */
export function readRequestLine(line: string): RequestLine | Http1Fault {
  const first = line.indexOf(" ");
  const last = line.lastIndexOf(" ");
  if (first <= 0 || last === first) return "bad-start-line";
  const method = line.slice(0, first);
  if (!isToken(method)) return "bad-start-line";
  const minor = minorOf(line.slice(last + 1));
  if (minor < 0) return minor === -2 ? "bad-version" : "bad-start-line";
  const target = line.slice(first + 1, last);
  if (!TARGET.test(target)) return "bad-target";
  return { method, target, minor: minor === 0 ? 0 : 1 };
}

export interface StatusLine {
  readonly status: number;
  readonly reason: string;
  readonly minor: 0 | 1;
}

/** `HTTP/1.x SP 3DIGIT SP [reason]` (RFC 9112 §4); a missing reason may take its space with it. */
export function readStatusLine(line: string): StatusLine | Http1Fault {
  const minor = minorOf(line.slice(0, 8));
  if (minor < 0) return minor === -2 ? "bad-version" : "bad-start-line";
  if (!/^ [1-9][0-9]{2}(?: |$)/.test(line.slice(8))) return "bad-start-line";
  return { status: Number(line.slice(9, 12)), reason: line.slice(13), minor: minor === 0 ? 0 : 1 };
}

/** 0 or 1; -1 when it is no HTTP version, -2 when it is one that this parser does not speak. */
function minorOf(version: string): number {
  if (version === "HTTP/1.1") return 1;
  if (version === "HTTP/1.0") return 0;
  return /^HTTP\/[0-9]\.[0-9]$/.test(version) ? -2 : -1;
}
