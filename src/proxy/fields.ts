/**
 * Fields between HTTP/1.1 and HTTP/2 (RFC 9113 §8.2.2, RFC 9110 §7.6.1).
 *
 * What belongs to one connection stays on it. What claims an identity is taken away wherever it comes in: only an agent may say who
 * calls, and it says so from the certificate.
 */
import { countFields, type FieldList, fieldValue } from "#wire/fields";
import type { RequestTexts } from "./http1-text.ts";

/** Belongs to one connection. */
export const CONNECTION = 1;
/** Set by the agents themselves on every hop. */
const REPLACED = 2;
/** What only the first hop may say; at an edge the outside must not. */
const FIRST_HOP = 4;
/** Set by the agent that hands a request to its app. */
export const SET_FOR_APP = 8;

/** What stands in the way of a field that is passed on; none for most. One look-up a field, on the hot path. */
const OBSTACLES: ReadonlyMap<string, number> = new Map([
  ["connection", CONNECTION],
  ["keep-alive", CONNECTION],
  ["proxy-connection", CONNECTION],
  ["transfer-encoding", CONNECTION],
  ["upgrade", CONNECTION],
  ["te", CONNECTION],
  ["host", REPLACED | SET_FOR_APP],
  ["traceparent", REPLACED | SET_FOR_APP],
  ["x-request-id", REPLACED],
  ["x-forwarded-client-cert", REPLACED | SET_FOR_APP],
  ["x-forwarded-for", FIRST_HOP],
  ["x-forwarded-proto", FIRST_HOP],
  ["x-forwarded-host", FIRST_HOP],
  ["forwarded", FIRST_HOP],
  ["x-envoy-expected-rq-timeout-ms", FIRST_HOP],
]);

/** Whether a field is passed on over what stands in its way here. A pseudo-header never is, nor a name of ours. */
export function isPassed(name: string, obstacles: number): boolean {
  if (name.charCodeAt(0) === COLON) return false;
  return ((OBSTACLES.get(name) ?? 0) & obstacles) === 0 && !isOwnField(name) && !isDisguised(name, obstacles);
}

const CLIENT_CERT = "x-forwarded-client-cert";

/** Of the names with a hyphen that say who calls or what was asked, so that most others are not looked at further. */
const SAYING = REPLACED | FIRST_HOP | SET_FOR_APP;
const SAYING_LENGTHS: readonly boolean[] = Array.from({ length: 32 }, (_, length) =>
  [...OBSTACLES].some(([name, flags]) => name.length === length && (flags & SAYING) !== 0 && name.includes("-")),
);

/** Programs behind CGI's conventions read `_` as `-`: who calls must not be said in that way either. */
function isDisguised(name: string, obstacles: number): boolean {
  if (SAYING_LENGTHS[name.length] !== true || !name.includes("_")) return false;
  const plain = name.replaceAll("_", "-");
  return plain === CLIENT_CERT || ((OBSTACLES.get(plain) ?? 0) & obstacles & SAYING) !== 0;
}

/** Header by which an agent tells another that the app did not switch protocols. */
export const DECLINED = "x-heddle-upgrade";

/** Header by which an agent tells another that its app speaks HTTP/2 with prior knowledge: value `h2`. */
export const SPOKEN_BY_CALLER = "x-heddle-spoken";

const X = 0x78;
const HYPHEN = 0x2d;
const H = 0x68;
const COLON = 0x3a;

function isOwnField(name: string): boolean {
  // Most names differ in their first three characters, which are cheaper to look at than a prefix.
  if (name.charCodeAt(0) !== X || name.charCodeAt(1) !== HYPHEN || name.charCodeAt(2) !== H) return false;
  return name.startsWith("x-heddle-");
}

/** Names that the `Connection` field makes hop-by-hop; undefined in the common case of none. */
function namedByConnection(fields: FieldList): ReadonlySet<string> | undefined {
  let named: Set<string> | undefined;
  for (let index = 0; index < fields.length; index += 2) {
    if (fields[index] !== "connection") continue;
    for (const option of (fields[index + 1] as string).toLowerCase().split(",")) {
      const name = option.trim();
      if (name === "close" || name === "keep-alive" || name === "upgrade" || name === "") continue;
      named ??= new Set();
      named.add(name);
    }
  }
  return named;
}

export interface HopIdentity {
  readonly traceparent: string;
  /** As the app gave it; without one the request is known by its trace. */
  readonly requestId: string | undefined;
  /** Whether the app asked in HTTP/2. */
  readonly isHttp2: boolean;
  /** Undefined inside the mesh. */
  readonly edge: EdgeCaller | undefined;
}

/** A caller outside the mesh, as the edge sees it. */
export interface EdgeCaller {
  readonly address: string;
  readonly scheme: "http" | "https";
}

/** What was asked, in the terms that both HTTP versions share. */
export interface AskedRequest {
  readonly method: string;
  /** Origin form, or `*`; "" for a tunnel. */
  readonly target: string;
  readonly authority: string;
  /** Pseudo-headers may stand before the others, and are passed over: the rest of this says what they say. */
  readonly fields: FieldList;
  readonly hasBody: boolean;
  /** Protocol that it asks to switch to, or "". */
  readonly upgrade: string;
}

/** Whether it asks for a stream of bytes without HTTP (RFC 9113 §8.5). */
export function isTunnelRequest({ method, upgrade }: AskedRequest): boolean {
  return method === "CONNECT" && upgrade === "";
}

function pseudoFields(request: AskedRequest): FieldList {
  const { method, upgrade, target, authority } = request;
  if (isTunnelRequest(request)) return [":method", method, ":authority", authority];
  const fields: FieldList =
    upgrade === "" ? [":method", method] : [":method", "CONNECT", ":protocol", upgrade.toLowerCase()];
  fields.push(":scheme", "http", ":path", target, ":authority", authority);
  return fields;
}

/** A request of an app as a stream between agents; an upgrade becomes an extended CONNECT (RFC 8441). */
export function requestToMesh(request: AskedRequest, hop: HopIdentity): FieldList {
  const from = request.fields;
  const fields = pseudoFields(request);
  const named = namedByConnection(from);
  const obstacles = CONNECTION | REPLACED | (hop.edge === undefined ? 0 : FIRST_HOP);
  for (let index = 0; index < from.length; index += 2) {
    const name = from[index] as string;
    const value = from[index + 1] as string;
    if (name === "te" && acceptsTrailers(value)) fields.push("te", "trailers");
    else if (isPassed(name, obstacles) && named?.has(name) !== true) fields.push(name, value);
  }
  fields.push("traceparent", hop.traceparent);
  if (hop.requestId !== undefined) fields.push("x-request-id", hop.requestId);
  if (hop.isHttp2 && hop.edge === undefined) fields.push(SPOKEN_BY_CALLER, "h2");
  if (hop.edge !== undefined) fields.push("x-forwarded-for", hop.edge.address, "x-forwarded-proto", hop.edge.scheme);
  return fields;
}

/** Whether a `te` field says that trailers are read; all else in it is between two connections (RFC 9110 §10.1.4). */
function acceptsTrailers(te: string): boolean {
  if (te === "trailers") return true;
  return te
    .toLowerCase()
    .split(",")
    .some((coding) => coding.trim() === "trailers");
}

/** The fields with their cookies in one, which only HTTP/2 may send in several (RFC 9113 §8.2.3). */
export function withOneCookie(fields: FieldList): FieldList {
  if (countFields(fields, "cookie") < 2) return fields;
  const joined: FieldList = [];
  let at = -1;
  for (let index = 0; index < fields.length; index += 2) {
    const value = fields[index + 1] as string;
    if (fields[index] !== "cookie") joined.push(fields[index] as string, value);
    else if (at < 0) at = joined.push("cookie", value) - 1;
    else joined[at] += `; ${value}`;
  }
  return joined;
}

/** Trailers as they are passed on: without what belongs to one connection, and what only an agent may say of a caller. */
export function passedTrailers(fields: FieldList): FieldList {
  if (fields.length === 0) return fields;
  const passed: FieldList = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (isPassed(name, CONNECTION | REPLACED)) passed.push(name, fields[index + 1] as string);
  }
  return passed;
}

/** A request as an agent asks it of the app. */
export interface AppRequest {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  /** Protocol of an extended CONNECT, or "". */
  readonly upgrade: string;
  /** As they came from the other agent, pseudo-headers included. */
  readonly fields: FieldList;
  readonly hasBody: boolean;
  readonly traceparent: string;
  readonly traceId: string;
  /** Envoy's `x-forwarded-client-cert`: who this agent is and who calls; "" when nobody has shown it. */
  readonly clientCertificate: string;
  /** Memory of the requests of the same caller. */
  readonly texts: RequestTexts;
}

/** A stream between agents as a stream for an app that speaks HTTP/2, in TLS (`https`) or in the clear. */
export function requestToHttp2(request: AppRequest, scheme: "http" | "https"): FieldList {
  const { fields: from, upgrade, method, path, authority } = request;
  const fields: FieldList = upgrade === "" ? [":method", method] : [":method", "CONNECT", ":protocol", upgrade];
  fields.push(":scheme", scheme, ":path", path, ":authority", authority);
  for (let index = 0; index < from.length; index += 2) {
    const name = from[index] as string;
    if (!isPassed(name, SET_FOR_APP)) continue;
    fields.push(name, from[index + 1] as string);
  }
  fields.push("traceparent", request.traceparent);
  if (request.clientCertificate !== "") fields.push("x-forwarded-client-cert", request.clientCertificate);
  if (fieldValue(from, "x-request-id") === undefined) fields.push("x-request-id", request.traceId);
  return fields;
}

/** An app's answer as a stream's. `isDeclined`: an upgrade was asked for and the app answers in HTTP. */
export function responseToMesh(status: number, from: FieldList, isDeclined: boolean): FieldList {
  const fields: FieldList = [":status", String(status === 101 ? 200 : status)];
  const named = namedByConnection(from);
  for (let index = 0; index < from.length; index += 2) {
    const name = from[index] as string;
    if (!isPassed(name, CONNECTION)) continue;
    if (named?.has(name) !== true) fields.push(name, from[index + 1] as string);
  }
  if (isDeclined) fields.push(DECLINED, "declined");
  return fields;
}

/** An app's answers as a stream's, each list made once as long as the app repeats itself. */
export class MeshAnswers {
  #status = 0;
  #from: FieldList = [];
  #isDeclined = false;
  #fields: FieldList = [];

  fieldsOf(status: number, from: FieldList, isDeclined: boolean): FieldList {
    if (from === this.#from && status === this.#status && isDeclined === this.#isDeclined) return this.#fields;
    this.#status = status;
    this.#from = from;
    this.#isDeclined = isDeclined;
    this.#fields = responseToMesh(status, from, isDeclined);
    return this.#fields;
  }
}

/** Whether the answer to an extended CONNECT means that the app switched protocols. */
export function hasSwitched(status: number, fields: FieldList): boolean {
  return status === 200 && fieldValue(fields, DECLINED) === undefined;
}

/** A stream's answer for an app that asked in HTTP/2. */
export function responseToHttp2(status: number, from: FieldList): FieldList {
  const fields: FieldList = [":status", String(status)];
  for (let index = 0; index < from.length; index += 2) {
    const name = from[index] as string;
    if (name.charCodeAt(0) !== COLON && name !== DECLINED) fields.push(name, from[index + 1] as string);
  }
  return fields;
}
