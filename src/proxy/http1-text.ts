/**
 * Heads in HTTP/1.1 from streams between agents. Callers and apps repeat themselves: what is the same as in the head before is not
 * written anew.
 */
import { type FieldList, fieldValue } from "#wire/fields";
import { fieldLines, requestLine, statusLine } from "#wire/http1";
import { type AppRequest, CONNECTION, DECLINED, isPassed, SET_FOR_APP, withOneCookie } from "./fields.ts";

const COLON = 0x3a;
/** A longer text is written anew each time, so that what is remembered is bounded. */
const REMEMBERED_CHARS_MAX = 4096;

/** Whether two lists are equal, but for the value of `except`. */
function isSame(a: FieldList, b: FieldList, except: string): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 2) {
    const name = a[index];
    if (name !== b[index]) return false;
    if (a[index + 1] !== b[index + 1] && name !== except) return false;
  }
  return true;
}

/** Requests to one app by one caller, which mostly differ by their trace alone. */
export class RequestTexts {
  #fields: FieldList = [];
  #text = "";

  textOf(request: AppRequest, isChunked: boolean): string {
    const { fields, upgrade } = request;
    let text = isSame(fields, this.#fields, "traceparent") ? this.#text : this.#write(request);
    text += `traceparent: ${request.traceparent}\r\n`;
    if (fieldValue(fields, "x-request-id") === undefined) text += `x-request-id: ${request.traceId}\r\n`;
    if (upgrade !== "") text += `connection: Upgrade\r\nupgrade: ${upgrade}\r\n`;
    return isChunked ? `${text}transfer-encoding: chunked\r\n\r\n` : `${text}\r\n`;
  }

  /** Everything but what differs from request to request. */
  #write({ fields, method, path, authority, clientCertificate }: AppRequest): string {
    let text = `${requestLine(method, path)}host: ${authority}\r\n`;
    const sent = withOneCookie(fields);
    for (let index = 0; index < sent.length; index += 2) {
      const name = sent[index] as string;
      if (!isPassed(name, SET_FOR_APP | CONNECTION)) continue;
      text += `${name}: ${sent[index + 1]}\r\n`;
    }
    if (clientCertificate !== "") text += `x-forwarded-client-cert: ${clientCertificate}\r\n`;
    if (text.length <= REMEMBERED_CHARS_MAX) {
      this.#fields = fields;
      this.#text = text;
    }
    return text;
  }
}

export interface Http1Answer {
  readonly status: number;
  readonly isChunked: boolean;
  readonly closes: boolean;
  /** Protocol that was switched to, or "". */
  readonly upgrade: string;
}

/** A stream's answer in HTTP/1.1 for the app that asked. */
export function responseToHttp1(fields: FieldList, response: Http1Answer): string {
  let text = statusLine(response.upgrade === "" ? response.status : 101);
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (name.charCodeAt(0) !== COLON && name !== DECLINED) text += `${name}: ${fields[index + 1]}\r\n`;
  }
  if (response.upgrade !== "") text += `connection: Upgrade\r\nupgrade: ${response.upgrade}\r\n`;
  if (response.isChunked) text += "transfer-encoding: chunked\r\n";
  if (response.closes) text += "connection: close\r\n";
  return `${text}\r\n`;
}

/** Answers on one connection of an app, which often repeat to the letter. */
export class ResponseTexts {
  #fields: FieldList = [];
  #isChunked = false;
  #text = "";

  textOf(fields: FieldList, response: Http1Answer): string {
    const isPlain = !response.closes && response.upgrade === "";
    if (!isPlain) return responseToHttp1(fields, response);
    if (response.isChunked === this.#isChunked && isSame(fields, this.#fields, "")) return this.#text;
    const text = responseToHttp1(fields, response);
    if (text.length > REMEMBERED_CHARS_MAX) return text;
    this.#fields = fields;
    this.#isChunked = response.isChunked;
    this.#text = text;
    return text;
  }
}

/** An interim response (1xx). */
export function interimToHttp1(status: number, fields: FieldList): string {
  return `${statusLine(status)}${fieldLines(fields)}\r\n`;
}
