/**
 * From HTTP/2 to HTTP/1.1 as the agents do it: of whatever a peer sends, what is accepted must reach an app as one request, with the
 * method, path, host and fields that were decided about; and an answer must reach a caller as one answer.
 */
import { type FieldList, fieldValue } from "#wire/fields";
import { chunkLine, lastChunk } from "#wire/http1";
import { Http2Session, type MessageKind } from "#wire/http2";
import { isPassed, responseToMesh } from "../../src/proxy/fields.ts";
import { RequestTexts, responseToHttp1 } from "../../src/proxy/http1-text.ts";
import type { Chance } from "./chance.ts";
import { Llhttp, type LlhttpInput, type LlhttpMessage, type LlhttpReading } from "./llhttp/client.ts";
import { type Checker, caught, type Target } from "./target.ts";

export const downgradedRequests: Target = {
  name: "downgrade-requests",
  share: 1.5,
  make: (chance) => makeList(chance, REQUEST),
  open: () => beside(askRequest),
};

export const downgradedResponses: Target = {
  name: "downgrade-responses",
  share: 1,
  make: (chance) => makeList(chance, RESPONSE),
  open: () => beside(askResponse),
};

/** Between names and values; `\x1d` is before the trailers. No parser of ours gives it a meaning. */
const SEPARATOR = "\x1e";
const TRAILERS = "\x1d";
const BODY = "GET /hidden HTTP/1.1\r\nhost: hidden\r\n\r\n";

const REQUEST: readonly (readonly [string, readonly string[]])[] = [
  [":method", ["GET", "POST", "HEAD", "CONNECT", "get", "G T", "GET / HTTP/1.1\r\nx: ", "", "GET\t"]],
  [":scheme", ["https", "http", "x:y", ""]],
  [":path", ["/", "/a?b", "*", "/a b", "/ HTTP/1.1\r\nx: y", "/\xe4", "/\t", "", "a", "http://b/", "/#", "/\0"]],
  [":authority", ["shop", "shop:80", "", "a b", "a\r\nx: y", "a@b", "a/b", "[::1]:80", "a\0", "a, b"]],
];
const RESPONSE: readonly (readonly [string, readonly string[]])[] = [
  [":status", ["200", "204", "304", "404", "999", "20", "2 0", "600"]],
];

const NAMES = [
  "x-a",
  "x-b",
  "content-length",
  "transfer-encoding",
  "connection",
  "upgrade",
  "host",
  "te",
  "expect",
  "trailer",
  ":path",
  "x a",
  "x:",
  "x\r\nhost",
  "X-A",
  "x-a\t",
  "",
  "keep-alive",
  "x\0",
  "x-heddle-upgrade",
];
const VALUES = [
  "1",
  "",
  "a b",
  "chunked",
  "close",
  "5",
  "0",
  "40",
  "a\r\nx: y",
  "a\nb",
  "a\rb",
  "\0",
  " a",
  "a ",
  "a\t",
  "\x7f",
  "\xe9",
  "trailers",
  "shop",
  "content-length",
];

function makeList(chance: Chance, pseudo: typeof REQUEST): Buffer {
  const first = pseudo.flatMap(([name, values]) => (chance.odds(0.98) ? [name, chance.mostly(values, 0.1)] : []));
  if (chance.odds(0.05)) first.push(":protocol", chance.mostly(["websocket", "x, y", "x\r\ny", ""], 0.5));
  const texts = [...first, ...fields(chance)];
  if (chance.odds(0.03)) texts.reverse();
  const trailers = chance.odds(0.3) ? `${TRAILERS}${fields(chance).join(SEPARATOR)}` : "";
  return Buffer.from(`${texts.join(SEPARATOR)}${trailers}`, "latin1");
}

function fields(chance: Chance): string[] {
  return chance
    .several(5, () => {
      const name = chance.mostly(["x-a", "x-b", "content-length", ...(chance.odds(0.2) ? NAMES : [])], 0.6);
      return [
        name,
        name === "content-length"
          ? String(BODY.length)
          : chance.mostly(["1", "a b", ...(chance.odds(0.3) ? VALUES : [])], 0.6),
      ];
    })
    .flat();
}

function listOf(text: string): FieldList {
  const list = text.split(SEPARATOR);
  return list.length % 2 === 0 ? list : list.slice(0, -1);
}

interface Accepted {
  readonly fields: FieldList;
  readonly body: Buffer;
  readonly trailers: FieldList;
  readonly isWhole: boolean;
}

/** What the receiving session makes of a message that its peer's sends without a second thought. */
class Passage {
  readonly heads: (readonly [MessageKind, FieldList])[] = [];
  readonly session: Http2Session;
  body = "";
  isEnded = false;
  isReset = false;

  constructor(role: "client" | "server") {
    this.session = new Http2Session({
      role,
      sink: {
        onOutputPending: () => undefined,
        onHeaders: (_stream, list, endStream, kind) => {
          this.heads.push([kind, list]);
          this.isEnded = endStream;
        },
        onData: (_stream, data, endStream) => {
          this.body += data.toString("latin1");
          this.isEnded = endStream;
        },
        onReset: () => {
          this.isReset = true;
        },
        onWritable: () => undefined,
        onGoaway: () => undefined,
        onPong: () => undefined,
        onClose: () => undefined,
      },
    });
  }

  moveTo(other: Passage): void {
    const bytes = Buffer.from(this.session.pendingOutput());
    this.session.outputTaken(bytes.length);
    other.session.read(bytes);
  }

  accepted(kind: MessageKind): Accepted | undefined {
    const [head, last] = [this.heads[0], this.heads.at(-1)];
    if (head?.[0] !== kind || this.isReset) return undefined;
    const trailers = last?.[0] === "trailers" ? last[1] : [];
    return {
      fields: head[1],
      body: Buffer.from(this.body, "latin1"),
      trailers,
      isWhole: this.isEnded && this.body === "" && trailers.length === 0,
    };
  }
}

function passRequest(input: Buffer): Accepted | undefined {
  const [head = "", trailers] = input.toString("latin1").split(TRAILERS);
  const [client, server] = [new Passage("client"), new Passage("server")];
  const id = client.session.openStream(listOf(head), trailers === undefined);
  if (trailers !== undefined) {
    client.session.sendData(id, Buffer.from(BODY), false);
    client.session.sendHeaders(id, listOf(trailers), true);
  }
  client.moveTo(server);
  return server.accepted("request");
}

function passResponse(input: Buffer): Accepted | undefined {
  const [head = "", trailers] = input.toString("latin1").split(TRAILERS);
  const [client, server] = [new Passage("client"), new Passage("server")];
  const id = client.session.openStream([":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"], true);
  client.moveTo(server);
  server.session.sendHeaders(id, listOf(head), trailers === undefined);
  if (trailers !== undefined) {
    server.session.sendData(id, Buffer.from(BODY), false);
    server.session.sendHeaders(id, listOf(trailers), true);
  }
  server.moveTo(client);
  return client.accepted("response");
}

interface Question {
  readonly input: LlhttpInput;
  /** What is wrong with how llhttp reads it. */
  judge(message: LlhttpMessage): string | undefined;
}

/** A request as the agent before an app writes it; undefined where none reaches the app. */
function askRequest(input: Buffer): Question | undefined {
  const accepted = passRequest(input);
  const method = fieldValue(accepted?.fields ?? [], ":method");
  const upgrade = fieldValue(accepted?.fields ?? [], ":protocol") ?? "";
  if (accepted === undefined || method === undefined || (method === "CONNECT" && upgrade === "")) return undefined;
  const { fields: from, body } = accepted;
  const hasBody = !accepted.isWhole && upgrade === "";
  const isChunked = hasBody && fieldValue(from, "content-length") === undefined;
  const asked = {
    method: upgrade === "" ? method : "GET",
    path: fieldValue(from, ":path") ?? "",
    authority: fieldValue(from, ":authority") ?? fieldValue(from, "host") ?? "",
  };
  const text = new RequestTexts().textOf(
    {
      ...asked,
      upgrade,
      fields: from,
      hasBody,
      traceparent: "00-0-0-00",
      traceId: "0",
      clientCertificate: "By=a;URI=b",
      texts: new RequestTexts(),
    },
    isChunked,
  );
  return {
    input: { slices: [Buffer.from(text, "latin1"), ...(hasBody ? bodyOf(accepted, isChunked) : [])] },
    judge: (message) =>
      differs("method", asked.method, message.method) ??
      differs("path", asked.path, message.target) ??
      differs("host", asked.authority, message.fields[message.fields.indexOf("host") + 1]) ??
      differs("body", hasBody ? body.toString("latin1") : "", message.body) ??
      differs("trailers", isChunked ? accepted.trailers.join() : "", message.trailers.join()) ??
      differs("fields", passedOf(from, 8 | 1), passedOf(message.fields, 8 | 1)),
  };
}

/** An answer as the agent before a caller writes it. */
function askResponse(input: Buffer): Question | undefined {
  const accepted = passResponse(input);
  if (accepted === undefined) return undefined;
  const status = Number(fieldValue(accepted.fields, ":status"));
  const isBodiless = status === 204 || status === 304;
  const isChunked = !isBodiless && fieldValue(accepted.fields, "content-length") === undefined;
  const list = responseToMesh(status, accepted.fields, false);
  const text = responseToHttp1(list, { status, isChunked, closes: false, upgrade: "" });
  const body = isBodiless ? "" : accepted.body.toString("latin1");
  return {
    input: {
      slices: [Buffer.from(text, "latin1"), ...(isBodiless ? [] : bodyOf(accepted, isChunked))],
      answers: "GET",
    },
    judge: (message) =>
      differs("status", status, message.status) ??
      differs("body", body, message.body) ??
      differs("trailers", isChunked ? accepted.trailers.join() : "", message.trailers.join()) ??
      differs("fields", passedOf(accepted.fields, 1), passedOf(message.fields, 1)),
  };
}

function bodyOf({ body, trailers }: Accepted, isChunked: boolean): Buffer[] {
  if (!isChunked) return [body];
  const chunk = body.length === 0 ? "" : `${chunkLine(body.length)}${body.toString("latin1")}\r\n`;
  return [Buffer.from(`${chunk}${lastChunk(trailers)}`, "latin1")];
}

/** The fields that an agent passes on, but for those that it adds. */
function passedOf(list: FieldList, obstacles: number): string {
  const passed: string[] = [];
  for (let index = 0; index < list.length; index += 2) {
    const name = list[index] as string;
    if (name.startsWith(":") || name === "x-request-id" || !isPassed(name, obstacles)) continue;
    passed.push(`${name}=${list[index + 1]}`);
  }
  return passed.join("\n");
}

function differs(what: string, ours: unknown, theirs: unknown): string | undefined {
  return ours === theirs ? undefined : `${what}: ours ${JSON.stringify(ours)}, llhttp's ${JSON.stringify(theirs)}`;
}

/** Refusals of llhttp that are no other reading: it knows a closed list of methods, and we pass on any. */
const MAY_REFUSE = "HPE_INVALID_METHOD";

function judge(question: Question, { messages, error, unread }: LlhttpReading): string | undefined {
  if (error === MAY_REFUSE) return undefined;
  const [message, ...others] = messages;
  if (message === undefined || error !== "") return `refused: ${error}`;
  if (others.length > 0 || unread > 0) return `smuggled: ${JSON.stringify(others)} and ${unread} bytes`;
  return message.isWhole ? question.judge(message) : "whole: llhttp waits for more";
}

function beside(ask: (input: Buffer) => Question | undefined): Checker {
  const llhttp = new Llhttp();
  return {
    check: async (inputs) => {
      const found: (string | undefined)[] = new Array(inputs.length);
      const questions = new Map<number, Question>();
      for (const [index, input] of inputs.entries()) {
        found[index] = caught(() => {
          const question = ask(input);
          if (question !== undefined) questions.set(index, question);
          return undefined;
        });
      }
      const answers = await llhttp.read([...questions.values()].map(({ input }) => input));
      for (const [at, [index, question]] of [...questions].entries()) {
        found[index] = judge(question, answers[at] as LlhttpReading);
      }
      return found;
    },
    close: () => llhttp.close(),
  };
}
