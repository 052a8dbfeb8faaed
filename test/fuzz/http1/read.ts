/** How our parsers read bytes, written down so that it can be compared. */
import type { FieldList } from "#wire/fields";
import { type RequestHead, RequestParser, type ResponseHead, ResponseParser } from "#wire/http1";

export interface Message<Head> {
  readonly head: Head;
  /** latin1 */
  body: string;
  trailers: FieldList;
  isWhole: boolean;
}

export interface Reading<Head> {
  readonly messages: Message<Head>[];
  /** Index after the last byte of each whole message. */
  readonly ends: number[];
  readonly fault: string | undefined;
  /** The connection would go on to be read after the last end. */
  readonly goesOn: boolean;
}

export type AnsweredMethod = "GET" | "HEAD" | "CONNECT";

function sinkOf<Head>(messages: Message<Head>[]) {
  const last = (): Message<Head> => messages.at(-1) as Message<Head>;
  return {
    onHead: (head: Head) => {
      messages.push({ head, body: "", trailers: [], isWhole: false });
    },
    onBody: (data: Uint8Array) => {
      last().body += Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("latin1");
    },
    onTrailers: (fields: FieldList) => {
      last().trailers = fields;
    },
    onEnd: () => {
      last().isWhole = true;
    },
  };
}

/** Cuts bytes into pieces of one to `longest`, by the seed alone. */
export function pieces(bytes: Buffer, longest: number, seed: number): Buffer[] {
  const cut: Buffer[] = [];
  let state = seed >>> 0;
  for (let at = 0; at < bytes.length; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const end = at + 1 + ((state >>> 8) % longest);
    // Copies: a parser that holds a view of what it was given would be found out.
    cut.push(Buffer.from(bytes.subarray(at, end)));
    at = end;
  }
  return cut;
}

/** Reads requests until one is refused, closes its connection, or leaves it to another protocol. */
export function readRequests(chunks: readonly Buffer[]): Reading<RequestHead> {
  const messages: Message<RequestHead>[] = [];
  const ends: number[] = [];
  const parser = new RequestParser(sinkOf(messages));
  let offset = 0;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length && parser.fault === undefined; ) {
      at += takenBy(parser, chunk.subarray(at));
      if (!parser.isComplete) continue;
      ends.push(offset + at);
      if (isLast(messages.at(-1)?.head)) return { messages, ends, fault: undefined, goesOn: false };
      parser.next();
    }
    offset += chunk.length;
  }
  return { messages, ends, fault: parser.fault, goesOn: parser.fault === undefined };
}

function takenBy(parser: RequestParser, bytes: Buffer): number {
  const taken = parser.read(bytes);
  if (taken === 0 && parser.fault === undefined) throw new Error("the parser takes no bytes");
  return taken;
}

function isLast(head: RequestHead | undefined): boolean {
  return head === undefined || !head.keepAlive || head.upgrade !== "" || head.method === "CONNECT";
}

/** Reads the responses to one request, interim ones first, and the end of the connection. */
export function readResponse(method: AnsweredMethod, chunks: readonly Buffer[]): Reading<ResponseHead> {
  const messages: Message<ResponseHead>[] = [];
  const parser = new ResponseParser(sinkOf(messages));
  parser.expect(method);
  let taken = 0;
  for (const chunk of chunks) {
    if (parser.fault !== undefined || messages.at(-1)?.isWhole === true) break;
    taken += parser.read(chunk);
  }
  parser.end();
  // Interim responses are heads alone.
  for (const message of messages.slice(0, -1)) message.isWhole = true;
  return { messages, ends: parser.fault === undefined ? [taken] : [], fault: parser.fault, goesOn: false };
}

/** What is the same however the bytes arrive. Which of two faults is found first may differ. */
export function essence<Head>({ messages, ends, fault }: Reading<Head>): unknown {
  return fault === undefined ? { messages, ends } : { messages, isRefused: true };
}
