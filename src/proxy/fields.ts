/**
 * Fields between HTTP/1.1 and HTTP/2 (RFC 9113 §8.2.2, RFC 9110 §7.6.1).
 *
 * What belongs to one connection stays on it. What claims an identity is taken away wherever it comes in: only an agent may say who
 * calls, and it says so from the certificate.
 */
import type { FieldList } from "#wire/fields";
import type { RequestHead, ResponseHead } from "#wire/http1";
import { fieldLines, requestLine, statusLine } from "#wire/http1";

const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "te",
]);

/** Set by the agents themselves on every hop. */
const REPLACED: ReadonlySet<string> = new Set(["host", "traceparent", "x-request-id", "x-forwarded-client-cert"]);
/** What only the first hop may say; at an edge the outside must not. */
const EDGE_REPLACED: ReadonlySet<string> = new Set([
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "forwarded",
]);

/** Header by which an agent tells another that the app did not switch protocols. */
const DECLINED = "x-heddle-upgrade";

export function isOwnField(name: string): boolean {
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
  readonly requestId: string;
  /** The caller's address at an edge; undefined inside the mesh. */
  readonly edgeCaller: string | undefined;
}

/** A request of an app as a stream between agents; an upgrade becomes an extended CONNECT (RFC 8441). */
export function requestToMesh(head: RequestHead, hop: HopIdentity): FieldList {
  const { fields: from, upgrade } = head;
  const fields: FieldList =
    upgrade === "" ? [":method", head.method] : [":method", "CONNECT", ":protocol", upgrade.toLowerCase()];
  fields.push(":scheme", "http", ":path", head.target, ":authority", head.authority);
  const named = namedByConnection(from);
  for (let index = 0; index < from.length; index += 2) {
    const name = from[index] as string;
    if (CONNECTION_FIELDS.has(name) || REPLACED.has(name) || isOwnField(name) || named?.has(name) === true) continue;
    if (hop.edgeCaller !== undefined && EDGE_REPLACED.has(name)) continue;
    fields.push(name, from[index + 1] as string);
  }
  fields.push("traceparent", hop.traceparent, "x-request-id", hop.requestId);
  if (hop.edgeCaller !== undefined) fields.push("x-forwarded-for", hop.edgeCaller, "x-forwarded-proto", "http");
  return fields;
}

export interface AppRequest {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  /** Protocol of an extended CONNECT, or "". */
  readonly upgrade: string;
  readonly traceparent: string;
  /** Envoy's `x-forwarded-client-cert`: who this agent is and who calls. */
  readonly clientCertificate: string;
  readonly isChunked: boolean;
}

/** A stream between agents as a request for the app. */
export function requestToApp(fields: FieldList, request: AppRequest): string {
  let text = requestLine(request.method, request.path);
  text += `host: ${request.authority}\r\n`;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (name.charCodeAt(0) === 0x3a || isOwnField(name)) continue;
    if (name === "host" || name === "traceparent" || name === "x-forwarded-client-cert") continue;
    text += `${name}: ${fields[index + 1]}\r\n`;
  }
  text += `traceparent: ${request.traceparent}\r\nx-forwarded-client-cert: ${request.clientCertificate}\r\n`;
  if (request.upgrade !== "") text += `connection: Upgrade\r\nupgrade: ${request.upgrade}\r\n`;
  if (request.isChunked) text += "transfer-encoding: chunked\r\n";
  return `${text}\r\n`;
}

/** The app's answer as a stream's. `isDeclined`: an upgrade was asked for and the app answers in HTTP. */
export function responseToMesh(head: ResponseHead, isDeclined: boolean): FieldList {
  const from = head.fields;
  const fields: FieldList = [":status", String(head.status === 101 ? 200 : head.status)];
  const named = namedByConnection(from);
  for (let index = 0; index < from.length; index += 2) {
    const name = from[index] as string;
    if (CONNECTION_FIELDS.has(name) || isOwnField(name) || named?.has(name) === true) continue;
    fields.push(name, from[index + 1] as string);
  }
  if (isDeclined) fields.push(DECLINED, "declined");
  return fields;
}

/** Whether the answer to an extended CONNECT means that the app switched protocols. */
export function hasSwitched(status: number, fields: FieldList): boolean {
  return status === 200 && !fields.includes(DECLINED);
}

export interface AppResponse {
  readonly status: number;
  readonly isChunked: boolean;
  readonly closes: boolean;
  /** Protocol that was switched to, or "". */
  readonly upgrade: string;
}

/** A stream's answer for the app that asked. */
export function responseToApp(fields: FieldList, response: AppResponse): string {
  let text = statusLine(response.upgrade === "" ? response.status : 101);
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (name.charCodeAt(0) !== 0x3a && name !== DECLINED) text += `${name}: ${fields[index + 1]}\r\n`;
  }
  if (response.upgrade !== "") text += `connection: Upgrade\r\nupgrade: ${response.upgrade}\r\n`;
  if (response.isChunked) text += "transfer-encoding: chunked\r\n";
  if (response.closes) text += "connection: close\r\n";
  return `${text}\r\n`;
}

/** An interim response (1xx). */
export function interimToApp(status: number, fields: FieldList): string {
  return `${statusLine(status)}${fieldLines(fields)}\r\n`;
}
