/** Responses of one connection to an app, each to a request whose method is known. */
import type { FieldList } from "#wire/fields";
import { BodyReader, type BodySink } from "./body-reader.ts";
import type { Http1Fault } from "./fault.ts";
import { FieldReader, REMEMBERED_CHARS_MAX } from "./field-reader.ts";
import { type Framing, type FramingFields, readFramingFields, responseFraming } from "./framing.ts";
import { faultOfCharacters, readStatusLine } from "./head.ts";
import { HeadReader } from "./head-reader.ts";
import { DEFAULT_HTTP1_LIMITS, type Http1Limits } from "./limits.ts";

export interface ResponseHead {
  readonly status: number;
  readonly minor: 0 | 1;
  readonly fields: FieldList;
  readonly framing: Framing;
  /** Whether the connection can carry another request after this response. */
  readonly keepAlive: boolean;
}

export interface ResponseSink extends BodySink {
  /** Interim responses (1xx but 101) come first and are followed by another head. After 101 all bytes belong to the new protocol. */
  onHead(head: ResponseHead): void;
  onEnd(): void;
}

/** The head that came last, and the method that it answered: apps often repeat theirs to the letter, on all their connections. */
export class ResponseMemory {
  text = "";
  method = "";
  head: ResponseHead | undefined;
}

export class ResponseParser {
  readonly #limits: Http1Limits;
  readonly #sink: ResponseSink;
  readonly #head: HeadReader;
  readonly #fields = new FieldReader();
  readonly #body: BodyReader;
  readonly #memory: ResponseMemory;
  #method = "";
  /** An interim response said that the connection ends after this exchange; the final one need not say it again. */
  #closes = false;
  #state: "idle" | "head" | "body" | "complete" | "failed" = "idle";
  fault: Http1Fault | undefined;

  /** Connections to one app may share a memory: a head that repeats gives the very same lists on all of them. */
  constructor(sink: ResponseSink, memory = new ResponseMemory(), limits: Http1Limits = DEFAULT_HTTP1_LIMITS) {
    this.#memory = memory;
    this.#limits = limits;
    this.#sink = sink;
    this.#head = new HeadReader(limits.headBytesMax);
    this.#body = new BodyReader(limits, sink);
  }

  /** A request of this method has been sent: its response is read next. idle | complete → head. */
  expect(method: string): void {
    this.#method = method;
    this.#closes = false;
    this.#state = "head";
  }

  /** Whether no byte of the awaited response has come: a request that is safe to repeat may be sent elsewhere. */
  get isUntouched(): boolean {
    return this.#state === "head" && !this.#head.isPartial;
  }

  /** Reads up to the end of the response and returns how many bytes it took; bytes that no request asked for are not taken. */
  read(chunk: Buffer): number {
    const start = this.#readHeads(chunk);
    if (this.#state !== "body") return start;
    const end = this.#body.read(chunk, start);
    if (this.#body.fault !== undefined) return this.#fail(this.#body.fault);
    if (this.#body.isDone) this.#complete();
    return end;
  }

  /** Interim heads, then the final one; returns where its body begins. */
  #readHeads(chunk: Buffer): number {
    let at = 0;
    while (this.#state === "head" && at < chunk.length) {
      const head = this.#head.read(at === 0 ? chunk : chunk.subarray(at));
      const fault = this.#head.fault ?? (head === undefined ? undefined : this.#begin(head));
      if (fault !== undefined) return this.#fail(fault);
      at += this.#head.consumed;
    }
    return at;
  }

  /** The connection ended: completes a body that had no other end, or is a fault. */
  end(): void {
    if (this.#state === "body" && this.#body.endsWithConnection) this.#complete();
    else if (this.#state === "head" || this.#state === "body") this.#fail("unexpected-end");
  }

  #begin(text: string): Http1Fault | undefined {
    const memory = this.#memory;
    const isRepeated = text === memory.text && this.#method === memory.method;
    const head = memory.head !== undefined && isRepeated ? memory.head : this.#parse(text);
    if (typeof head === "string") return head;
    const isInterim = head.status < 200 && head.status !== 101;
    if (isInterim) this.#closes ||= !head.keepAlive;
    else {
      this.#state = "body";
      this.#body.begin(head.framing);
    }
    this.#sink.onHead(this.#closes ? { ...head, keepAlive: false } : head);
    return undefined;
  }

  #parse(text: string): ResponseHead | Http1Fault {
    const head = parseResponseHead(text, this.#method, { limits: this.#limits, reader: this.#fields });
    if (typeof head === "string" || text.length > REMEMBERED_CHARS_MAX) return head;
    this.#memory.text = text;
    this.#memory.method = this.#method;
    this.#memory.head = head;
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

/** Reads a whole response head to a request of `method`, its final empty line included. */
function parseResponseHead(
  text: string,
  method: string,
  { limits, reader }: { readonly limits: Http1Limits; readonly reader: FieldReader },
): ResponseHead | Http1Fault {
  const lineEnd = text.indexOf("\r\n");
  const startLine = text.slice(0, lineEnd + 2);
  const characters = faultOfCharacters(startLine);
  if (characters !== undefined) return characters;
  const line = readStatusLine(startLine.slice(0, -2));
  if (typeof line === "string") return line;
  const fields: FieldList = [];
  const fault = reader.read(text, lineEnd + 2, fields);
  if (fault !== undefined) return fault;
  if (fields.length / 2 > limits.fieldsMax) return "head-too-large";
  const found = readFramingFields(fields);
  const refused = found.fault ?? faultOfInterim(found, line.status);
  if (refused !== undefined) return refused;
  const framing = responseFraming(found, line.status, method);
  const persists = line.minor === 1 ? !found.wantsClose : found.wantsKeepAlive && !found.wantsClose;
  return {
    status: line.status,
    minor: line.minor,
    fields,
    framing,
    keepAlive: persists && framing.kind !== "until-close",
  };
}

/** Responses before the final one have no body, and must not speak of one (RFC 9112 §6.1, RFC 9110 §8.6): some parsers wait for it. */
function faultOfInterim(found: FramingFields, status: number): Http1Fault | undefined {
  if (status >= 200) return undefined;
  if (found.hasTransferEncoding) return "bad-transfer-encoding";
  return found.contentLength > 0 ? "bad-content-length" : undefined;
}
