/** Reads one body by its framing (RFC 9112 §6–7), handing on views of the bytes as they come. */
import type { FieldList } from "#wire/fields";
import type { Http1Fault } from "./fault.ts";
import type { Framing } from "./framing.ts";
import { faultOfCharacters, readFields } from "./head.ts";
import type { Http1Limits } from "./limits.ts";

export interface BodySink {
  /** A view that is valid during the call only. */
  onBody(data: Uint8Array): void;
  /** Trailer fields of a chunked body, when there are any. */
  onTrailers(fields: FieldList): void;
}

type State = "idle" | "length" | "chunk-size" | "chunk-data" | "chunk-end" | "trailers" | "until-close" | "done";

const CR = 0x0d;
const LF = 0x0a;
/**
 * Size in hexadecimal, then extensions (RFC 9112 §7.1.1): tokens, each with a token or a quoted string if it has a value. The blanks that
 * a recipient might overlook are refused: parsers disagree on them.
 */
const CHUNK_LINE =
  /^([0-9A-Fa-f]{1,12})(?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"[ !#-[\]-~]*"))?)*$/;

export class BodyReader {
  readonly #limits: Http1Limits;
  readonly #sink: BodySink;
  #state: State = "idle";
  #remaining = 0;
  /** A size line or trailer section that is not whole yet; size lines and trailers are short and rare. */
  #line = "";
  fault: Http1Fault | undefined;

  constructor(limits: Http1Limits, sink: BodySink) {
    this.#limits = limits;
    this.#sink = sink;
  }

  /** Begins a body; one of no length is done at once. */
  begin(framing: Framing): void {
    this.#line = "";
    this.#remaining = 0;
    switch (framing.kind) {
      case "none":
        this.#state = "done";
        return;
      case "length":
        this.#state = "length";
        this.#remaining = framing.bytes;
        return;
      case "chunked":
        this.#state = "chunk-size";
        return;
      case "until-close":
        this.#state = "until-close";
        return;
    }
  }

  get isDone(): boolean {
    return this.#state === "done";
  }

  get endsWithConnection(): boolean {
    return this.#state === "until-close";
  }

  /** Reads from `start`; returns the index after the last byte that belongs to this body. */
  read(bytes: Buffer, start: number): number {
    let at = start;
    while (at < bytes.length && this.#state !== "done" && this.fault === undefined) at = this.#step(bytes, at);
    return at;
  }

  #step(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case "length":
      case "chunk-data":
        return this.#readData(bytes, at);
      case "chunk-size":
        return this.#readChunkLine(bytes, at);
      case "chunk-end":
        return this.#readChunkEnd(bytes, at);
      case "trailers":
        return this.#readTrailers(bytes, at);
      case "until-close":
        this.#sink.onBody(bytes.subarray(at));
        return bytes.length;
      case "idle":
      case "done":
        return at;
    }
  }

  #readData(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#remaining);
    this.#remaining -= end - at;
    if (this.#remaining === 0) {
      this.#state = this.#state === "length" ? "done" : "chunk-end";
      this.#remaining = 2;
    }
    this.#sink.onBody(bytes.subarray(at, end));
    return end;
  }

  #readChunkLine(bytes: Buffer, at: number): number {
    const newline = bytes.indexOf(LF, at);
    const end = newline < 0 ? bytes.length : newline + 1;
    this.#line += bytes.toString("latin1", at, end);
    if (this.#line.length > this.#limits.chunkLineBytesMax) this.fault = "bad-chunk";
    else if (newline >= 0) this.#beginChunk();
    return end;
  }

  #beginChunk(): void {
    const line = this.#line;
    const found = line.endsWith("\r\n") ? CHUNK_LINE.exec(line.slice(0, -2)) : null;
    this.#line = "";
    if (found === null) {
      this.fault = "bad-chunk";
      return;
    }
    this.#remaining = Number.parseInt(found[1] ?? "", 16);
    this.#state = this.#remaining === 0 ? "trailers" : "chunk-data";
  }

  #readChunkEnd(bytes: Buffer, at: number): number {
    const expected = this.#remaining === 2 ? CR : LF;
    if (bytes[at] !== expected) this.fault = "bad-chunk";
    this.#remaining--;
    if (this.#remaining === 0) this.#state = "chunk-size";
    return at + 1;
  }

  #readTrailers(bytes: Buffer, at: number): number {
    const newline = bytes.indexOf(LF, at);
    const end = newline < 0 ? bytes.length : newline + 1;
    this.#line += bytes.toString("latin1", at, end);
    if (this.#line.length > this.#limits.trailerBytesMax) this.fault = "trailers-too-large";
    else if (this.#line === "\r\n") this.#state = "done";
    else if (this.#line.endsWith("\r\n\r\n")) this.#endTrailers();
    else if (newline >= 0 && !this.#line.endsWith("\r\n")) this.fault = "bare-line-feed";
    return end;
  }

  #endTrailers(): void {
    const fields: FieldList = [];
    this.fault = faultOfCharacters(this.#line) ?? readFields(this.#line, 0, fields) ?? faultOfTrailers(fields);
    if (this.fault !== undefined) return;
    this.#state = "done";
    this.#sink.onTrailers(fields);
  }
}

/** Frames or routes a message: too late in its trailers (RFC 9110 §6.5.1), where some parsers heed it nevertheless. */
const HEAD_ONLY: ReadonlySet<string> = new Set([
  "content-length",
  "transfer-encoding",
  "host",
  "connection",
  "upgrade",
]);

function faultOfTrailers(fields: FieldList): Http1Fault | undefined {
  for (let index = 0; index < fields.length; index += 2) {
    if (HEAD_ONLY.has(fields[index] as string)) return "forbidden-trailer";
  }
  return undefined;
}
