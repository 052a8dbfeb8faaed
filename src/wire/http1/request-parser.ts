/**
 * Requests of one connection, one after the other: bytes in, events to a sink.
 *
 * After a message's end the parser takes no byte until `next()`, so that pipelined requests wait with their sender instead of
 * in a queue of ours.
 */
import type { FieldList } from "#wire/fields";
import { countFields, fieldValue, isAuthority, isSwitchable } from "#wire/fields";
import { BodyReader, type BodySink } from "./body-reader.ts";
import type { Http1Fault } from "./fault.ts";
import { FieldReader, REMEMBERED_CHARS_MAX } from "./field-reader.ts";
import { type Framing, type FramingFields, readFramingFields, requestFraming } from "./framing.ts";
import { faultOfCharacters, type RequestLine, readRequestLine } from "./head.ts";
import { HeadReader } from "./head-reader.ts";
import { DEFAULT_HTTP1_LIMITS, type Http1Limits } from "./limits.ts";

export interface RequestHead {
  readonly method: string;
  /** Origin form (`/path?query`), or `*`; the authority of an absolute form has been moved to `authority`. */
  readonly target: string;
  readonly authority: string;
  readonly minor: 0 | 1;
  readonly fields: FieldList;
  readonly framing: Framing;
  /** Whether a body follows, if only an empty one in chunks. */
  readonly hasBody: boolean;
  /** Whether the sender will take another response on this connection. */
  readonly keepAlive: boolean;
  readonly expectsContinue: boolean;
  /**
   * Protocol asked for by `Upgrade` with `Connection: upgrade`, or "". Ignored, as RFC 9110 §7.8 allows, where a body comes before it, where
   * the method is not GET, which extended CONNECT cannot say (RFC 8441 §4), and where the protocol is HTTP again.
   */
  readonly upgrade: string;
}

export interface RequestSink extends BodySink {
  onHead(head: RequestHead): void;
  /** The message is complete; nothing more is read until `next()`. */
  onEnd(): void;
}

export class RequestParser {
  readonly #limits: Http1Limits;
  readonly #sink: RequestSink;
  readonly #head: HeadReader;
  readonly #fields = new FieldReader();
  readonly #body: BodyReader;
  /** The head before this one: senders often repeat theirs to the letter. */
  #lastText = "";
  #last: RequestHead | undefined;
  #state: "head" | "body" | "complete" | "failed" = "head";
  fault: Http1Fault | undefined;

  constructor(sink: RequestSink, limits: Http1Limits = DEFAULT_HTTP1_LIMITS) {
    this.#limits = limits;
    this.#sink = sink;
    this.#head = new HeadReader(limits.headBytesMax);
    this.#body = new BodyReader(limits, sink);
  }

  /** Whether nothing of a message has arrived: closing now cuts nothing off. */
  get isIdle(): boolean {
    return this.#state === "head" && !this.#head.isPartial;
  }

  get isComplete(): boolean {
    return this.#state === "complete";
  }

  /** Reads up to the end of one message and returns how many bytes it took. A refused message sets `fault` and ends the reading. */
  read(chunk: Buffer): number {
    let at = 0;
    if (this.#state === "head") {
      const head = this.#head.read(chunk);
      if (this.#head.fault !== undefined) return this.#fail(this.#head.fault);
      at = this.#head.consumed;
      if (head === undefined) return at;
      const fault = this.#begin(head);
      if (fault !== undefined) return this.#fail(fault);
    }
    if (this.#state !== "body") return at;
    at = this.#body.read(chunk, at);
    if (this.#body.fault !== undefined) return this.#fail(this.#body.fault);
    if (this.#body.isDone) this.#complete();
    return at;
  }

  /** The response has been sent: the next request may be read. complete → head. */
  next(): void {
    if (this.#state === "complete") this.#state = "head";
  }

  #begin(text: string): Http1Fault | undefined {
    const head = this.#last !== undefined && text === this.#lastText ? this.#last : this.#parse(text);
    if (typeof head === "string") return head;
    this.#state = "body";
    this.#body.begin(head.framing);
    this.#sink.onHead(head);
    return undefined;
  }

  #parse(text: string): RequestHead | Http1Fault {
    const head = parseRequestHead(text, this.#limits, this.#fields);
    if (typeof head === "string" || text.length > REMEMBERED_CHARS_MAX) return head;
    this.#lastText = text;
    this.#last = head;
    return head;
  }

  #complete(): void {
    this.#state = "complete";
    this.#sink.onEnd();
  }

  #fail(fault: Http1Fault): number {
    this.#state = "failed";
    this.fault = fault;
    return 0;
  }
}

/** Reads a whole request head, its final empty line included. */
function parseRequestHead(text: string, limits: Http1Limits, reader: FieldReader): RequestHead | Http1Fault {
  const lineEnd = text.indexOf("\r\n");
  const startLine = text.slice(0, lineEnd + 2);
  const characters = faultOfCharacters(startLine);
  if (characters !== undefined) return characters;
  const line = readRequestLine(startLine.slice(0, -2));
  if (typeof line === "string") return line;
  const fields: FieldList = [];
  const fault = reader.read(text, lineEnd + 2, fields);
  if (fault !== undefined) return fault;
  if (fields.length / 2 > limits.fieldsMax) return "head-too-large";
  const framing = readFramingFields(fields);
  const authority = authorityOf(line.target, line.method, fields);
  const refused = framing.fault ?? faultOfRequest(line, framing) ?? faultOfAuthority(authority);
  if (refused !== undefined) return refused;
  const body = requestFraming(framing);
  return {
    method: line.method,
    target: originForm(line.target, line.method),
    authority: authority ?? "",
    minor: line.minor,
    fields,
    framing: body,
    hasBody: body.kind !== "none",
    keepAlive: !framing.wantsClose && (line.minor === 1 || framing.wantsKeepAlive),
    expectsContinue: framing.expectsContinue && line.minor === 1,
    upgrade: line.method === "GET" && line.minor === 1 ? upgradeOf(framing, body) : "",
  };
}

function upgradeOf({ connectionHasUpgrade, upgrade }: FramingFields, body: Framing): string {
  return connectionHasUpgrade && body.kind === "none" && isSwitchable(upgrade) ? upgrade : "";
}

function faultOfRequest({ method, minor }: RequestLine, framing: FramingFields): Http1Fault | undefined {
  // What follows the head of a CONNECT is the tunnel's (RFC 9110 §9.3.6): a parser that knows this sees no body there.
  if (method === "CONNECT" && framing.contentLength > 0) return "bad-content-length";
  if (method === "CONNECT" && framing.hasTransferEncoding) return "bad-transfer-encoding";
  if (framing.hosts > 1) return "host-repeated";
  if (framing.hosts === 0 && minor === 1) return "host-missing";
  // HTTP/1.0 has no transfer codings: a recipient that ignores the field reads another body (RFC 9112 §6.1).
  return framing.hasTransferEncoding && minor === 0 ? "bad-transfer-encoding" : undefined;
}

function faultOfAuthority(authority: string | undefined): Http1Fault | undefined {
  return authority === undefined || !isAuthority(authority) ? "host-mismatch" : undefined;
}

/** The host asked for; undefined when an absolute target and `Host` name two (RFC 9112 §3.2.2 would let the target win). */
function authorityOf(target: string, method: string, fields: FieldList): string | undefined {
  const host = fieldValue(fields, "host") ?? "";
  const inTarget = method === "CONNECT" ? target : /^https?:\/\/([^/?]+)/i.exec(target)?.[1];
  if (inTarget === undefined) return target.startsWith("/") || target === "*" ? host : undefined;
  const agrees = countFields(fields, "host") === 0 || host.toLowerCase() === inTarget.toLowerCase();
  return agrees ? inTarget : undefined;
}

function originForm(target: string, method: string): string {
  if (target.startsWith("/") || target === "*" || method === "CONNECT") return target;
  const path = target.replace(/^https?:\/\/[^/?]+/i, "");
  // Of the server as a whole (RFC 9112 §3.2.4).
  if (path === "" && method === "OPTIONS") return "*";
  return path.startsWith("/") ? path : `/${path}`;
}
