/** What makes a field list a message (RFC 9113 §8.2, §8.3, RFC 8441 §4). Malformed ones are a stream error. */
import { countFields, type FieldList, fieldValue, isAuthority, isSwitchable } from "#wire/fields";

export type MessageKind = "request" | "response" | "interim" | "trailers";

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const BAD_VALUE = /[\x00-\x08\x0a-\x1f\x7f]|^[ \t]|[ \t]$/;
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const PATH = /^(?:\/[\x21\x22\x24-\x7e]*|\*)$/;
const STATUS = /^[1-9][0-9]{2}$/;
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** Too late in trailers (RFC 9110 §6.5.1), where some parsers of HTTP/1.1 heed it nevertheless. */
const HEAD_ONLY: readonly string[] = ["content-length", "host"];

/** What is wrong with the list, or undefined. */
function faultOfMessage(fields: FieldList, kind: MessageKind): string | undefined {
  const fault = faultOfFields(fields, kind === "trailers");
  if (fault !== undefined) return fault;
  if (kind === "trailers") return faultOfTrailers(fields);
  return kind === "request" ? faultOfRequest(fields) : faultOfResponse(fields);
}

function faultOfFields(fields: FieldList, isTrailers: boolean): string | undefined {
  let pseudoAllowed = !isTrailers;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    const isPseudo = name.charCodeAt(0) === 0x3a;
    if (isPseudo && !pseudoAllowed) return "a pseudo-header is out of place";
    pseudoAllowed = isPseudo;
    const fault = isPseudo ? undefined : faultOfField(name, fields[index + 1] as string);
    if (fault !== undefined) return fault;
    if (BAD_VALUE.test(fields[index + 1] as string)) return "a value has forbidden characters";
  }
  return undefined;
}

function faultOfField(name: string, value: string): string | undefined {
  if (!NAME.test(name)) return "a field name is not a lower-case token";
  if (CONNECTION_FIELDS.has(name)) return "a field belongs to HTTP/1.1 connections";
  return name === "te" && value !== "trailers" ? "te is not trailers" : undefined;
}

function faultOfTrailers(fields: FieldList): string | undefined {
  return HEAD_ONLY.some((name) => countFields(fields, name) > 0) ? "a trailer frames or routes the message" : undefined;
}

const REQUEST_PSEUDO: readonly string[] = [":method", ":scheme", ":path", ":authority", ":protocol"];

function faultOfRequest(fields: FieldList): string | undefined {
  if (hasUnknownOrRepeated(fields, REQUEST_PSEUDO)) return "a pseudo-header is unknown or repeated";
  const method = fieldValue(fields, ":method");
  if (method === undefined || !METHOD.test(method)) return ":method is missing or bad";
  const host = fieldValue(fields, "host");
  const authority = fieldValue(fields, ":authority");
  if (countFields(fields, "host") > 1) return "host is repeated";
  // Whoever reads the other of the two would route the request elsewhere (§8.3.1).
  if (host !== undefined && authority !== undefined && host.toLowerCase() !== authority.toLowerCase()) {
    return "host and :authority differ";
  }
  if (!isAuthority(authority ?? host ?? "")) return ":authority is bad";
  const protocol = fieldValue(fields, ":protocol");
  // It becomes the value of an Upgrade field.
  if (protocol !== undefined && !isSwitchable(protocol)) return ":protocol is bad";
  return faultOfTarget(fields, method);
}

function faultOfTarget(fields: FieldList, method: string): string | undefined {
  const path = fieldValue(fields, ":path");
  const scheme = fieldValue(fields, ":scheme");
  const isExtended = fieldValue(fields, ":protocol") !== undefined;
  // What follows the head of a CONNECT is the tunnel's (RFC 9110 §9.3.6): a body of some length before it is one to some parsers only.
  if (method === "CONNECT" && fieldValue(fields, "content-length") !== undefined) return "CONNECT has a length";
  if (method === "CONNECT" && !isExtended) {
    const isTunnel = path === undefined && scheme === undefined && fieldValue(fields, ":authority") !== undefined;
    return isTunnel ? undefined : "CONNECT has a path or scheme, or no authority";
  }
  if (isExtended && method !== "CONNECT") return ":protocol without CONNECT";
  if (scheme === undefined || path === undefined || !PATH.test(path)) return ":scheme or :path is missing or bad";
  return undefined;
}

function faultOfResponse(fields: FieldList): string | undefined {
  if (hasUnknownOrRepeated(fields, [":status"])) return "a pseudo-header is unknown or repeated";
  const status = fieldValue(fields, ":status");
  if (status === undefined || !STATUS.test(status)) return ":status is missing or bad";
  return status === "101" ? "101 does not exist in HTTP/2" : undefined;
}

function hasUnknownOrRepeated(fields: FieldList, known: readonly string[]): boolean {
  let seen = 0;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (name.charCodeAt(0) !== 0x3a) return false;
    const position = known.indexOf(name);
    if (position < 0 || (seen & (1 << position)) !== 0) return true;
    seen |= 1 << position;
  }
  return false;
}

/** The length that a message promises: -1 for none, -2 for one that cannot be. */
export function promisedLength(fields: FieldList): number {
  let promised = -1;
  for (let index = 0; index < fields.length; index += 2) {
    if (fields[index] !== "content-length") continue;
    const value = fields[index + 1] as string;
    if (promised !== -1 || !/^[0-9]{1,15}$/.test(value)) return -2;
    promised = Number(value);
  }
  return promised;
}

/** Lists beyond these are checked anew each time, so that what a connection remembers is bounded. */
const REMEMBERED_ENTRIES = 64;
const REMEMBERED_CHARS = 4096;

/**
 * Checks the messages that a peer sends. Peers repeat themselves: of a list with the names of one that was good, only the values that
 * differ are looked at.
 */
export class MessageCheck {
  /** The last good list of each length. */
  readonly #good: (FieldList | undefined)[] = [];
  readonly #kinds: (MessageKind | undefined)[] = [];

  /** What is wrong with the list, or undefined. */
  faultOf(fields: FieldList, kind: MessageKind): string | undefined {
    const good = this.#good[fields.length];
    if (good !== undefined && this.#kinds[fields.length] === kind && differsHarmlessly(fields, good)) return undefined;
    const fault = faultOfMessage(fields, kind);
    if (fault === undefined && isWorthRemembering(fields)) {
      this.#good[fields.length] = fields;
      this.#kinds[fields.length] = kind;
    }
    return fault;
  }
}

function isWorthRemembering(fields: FieldList): boolean {
  if (fields.length > REMEMBERED_ENTRIES) return false;
  let chars = 0;
  for (const text of fields) chars += text.length;
  return chars <= REMEMBERED_CHARS;
}

/** Whether names are the same in the same order, and values that differ are good by themselves. */
function differsHarmlessly(fields: FieldList, good: FieldList): boolean {
  if (fields === good) return true;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (name !== good[index]) return false;
    const value = fields[index + 1] as string;
    if (value !== good[index + 1] && !isGoodAlone(name, value)) return false;
  }
  return true;
}

/** Whether a value is good whatever the others are. */
function isGoodAlone(name: string, value: string): boolean {
  if (name === ":path") return PATH.test(value);
  if (name.charCodeAt(0) === 0x3a || name === "host" || name === "te") return false;
  return !BAD_VALUE.test(value);
}
