import { afterEach, expect, test } from "bun:test";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { type ClientHttp2Stream, connect } from "node:http2";
import {
  endpointAt,
  type Handler,
  pair,
  startApp,
  startClientSide,
  startServerSide,
  stopAll,
} from "../fakes/proxy-pair.ts";

afterEach(stopAll);

/** Lets the app go on only when the caller has what came before: what is held back anywhere holds this up for ever. */
class Turns {
  #next = Promise.withResolvers<void>();

  take(): Promise<void> {
    return this.#next.promise;
  }

  give(): void {
    const given = this.#next;
    this.#next = Promise.withResolvers();
    given.resolve();
  }
}

const EVENTS = 20;

/** Server-sent events, each after the caller has read the one before (WHATWG HTML §9.2). */
function eventSource(turns: Turns): Handler {
  const send = async (response: ServerResponse): Promise<void> => {
    for (let index = 0; index < EVENTS; index++) {
      await turns.take();
      response.write(`id: ${index}\ndata: event ${index}\n\n`);
    }
    response.end();
  };
  return (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.flushHeaders();
    void send(response);
  };
}

const expectedEvents = Array.from({ length: EVENTS }, (_, index) => `id: ${index}\ndata: event ${index}\n\n`);

test("server-sent events reach a caller in HTTP/1.1 one by one, as they are", async () => {
  const turns = new Turns();
  const { url } = await pair(eventSource(turns));
  const response = await fetch(url, { headers: { accept: "text/event-stream" } });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const events: string[] = [];
  turns.give();
  for await (const part of response.body ?? []) {
    events.push(Buffer.from(part).toString());
    turns.give();
  }
  expect(events).toEqual(expectedEvents);
});

test("server-sent events reach a caller in HTTP/2 one by one, as they are", async () => {
  const turns = new Turns();
  const app = await startApp(eventSource(turns));
  const server = startServerSide(app.port, { protocol: "http1" });
  const client = startClientSide({ endpoints: [endpointAt(server.port)], protocol: "http" });
  const session = connect(`http://127.0.0.1:${client.port}`);
  const stream: ClientHttp2Stream = session.request({ ":path": "/", accept: "text/event-stream" });
  await once(stream, "response");
  const events: string[] = [];
  turns.give();
  for await (const part of stream) {
    events.push(String(part));
    turns.give();
  }
  session.close();
  expect(events).toEqual(expectedEvents);
});

/** A message of gRPC-Web and the frame with its trailers, which are part of the body (PROTOCOL-WEB.md). */
const WEB_ANSWER = Buffer.from("\0\0\0\0\x05\x0a\x03abc\x80\0\0\0\x0fgrpc-status:3\r\n", "latin1");
const WEB_REQUEST = Buffer.from("\0\0\0\0\x03\x0a\x01\xff", "latin1");

test.each([
  ["application/grpc-web+proto", WEB_REQUEST, WEB_ANSWER],
  [
    "application/grpc-web-text",
    Buffer.from(WEB_REQUEST.toString("base64")),
    Buffer.from(WEB_ANSWER.toString("base64")),
  ],
])("%s passes as it is, and is HTTP to the agents", async (type, asked, answered) => {
  const seen: Buffer[] = [];
  const app = await startApp((request, response) => {
    request.on("data", (part: Buffer) => seen.push(part));
    request.on("end", () => {
      response.writeHead(200, { "content-type": type });
      response.end(answered);
    });
  });
  const server = startServerSide(app.port);
  const client = startClientSide({ endpoints: [endpointAt(server.port)] });
  const ask = () =>
    fetch(`http://127.0.0.1:${client.port}/shop.Cart/Add`, {
      method: "POST",
      headers: { "content-type": type, "x-grpc-web": "1" },
      body: asked,
    });
  const response = await ask();
  expect(response.headers.get("content-type")).toBe(type);
  expect(Buffer.from(await response.arrayBuffer())).toEqual(answered);
  expect(Buffer.concat(seen)).toEqual(asked);
  expect(client.recorder.prometheus()).toContain('response_code="200"');
  // What an agent answers itself is HTTP too: a caller of gRPC-Web reads the status line.
  client.update({ endpoints: [] });
  expect((await ask()).status).toBe(503);
});
