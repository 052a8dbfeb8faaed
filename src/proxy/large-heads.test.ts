import { afterEach, expect, test } from "bun:test";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { endpointAt, raw, startClientSide, startServerSide, stopAll, stops } from "../../test/fakes/proxy-pair.ts";

afterEach(stopAll);

/** What a head in HTTP/1.1 may have at the most. */
const HEAD_BYTES = 64 * 1024;
const FIELDS = 128;

/** So many fields that the head, which these are added to, is as large as one may be. */
function padding(head: string): string {
  const count = FIELDS - 10;
  const room = HEAD_BYTES - head.length - 2;
  const value = "v".repeat(Math.floor(room / count) - 10);
  return Array.from({ length: count }, (_, index) => `x-${100 + index}: ${value}\r\n`).join("");
}

/** A pair whose app takes heads of any size, and that has a request under way. */
async function busyPair() {
  const arrived = Promise.withResolvers<() => void>();
  const app = createServer({ maxHeaderSize: 256 * 1024 }, (request, response) => {
    if (request.url === "/slow") arrived.resolve(() => response.end("whole"));
    else {
      const isAsked = request.url === "/large";
      const head = "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n";
      if (isAsked) response.socket?.write(`${head}${padding(head)}\r\nok`);
      else response.end(String(request.headersDistinct["x-100"]?.[0]?.length));
    }
  });
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  stops.push(
    () => app.closeAllConnections(),
    () => app.close(),
  );
  const server = startServerSide((app.address() as AddressInfo).port);
  const client = startClientSide({ endpoints: [endpointAt(server.port)] });
  const slow = fetch(`http://127.0.0.1:${client.port}/slow`, { method: "POST", body: "x" });
  return { client, slow, end: await arrived.promise };
}

test("the largest head that is taken passes, and harms nobody on the connection that it shares", async () => {
  const { client, slow, end } = await busyPair();
  const head = "GET / HTTP/1.1\r\nhost: a\r\n";
  const text = `${head}${padding(head)}\r\n`;
  expect(text.length).toBeGreaterThan(HEAD_BYTES - 200);
  expect(await raw(client.port, text, "\r\n\r\n")).toStartWith("HTTP/1.1 200 OK");
  end();
  expect((await slow).status).toBe(200);
});

test("so does the largest head of an answer", async () => {
  const { client, slow, end } = await busyPair();
  const answer = await raw(client.port, "GET /large HTTP/1.1\r\nhost: a\r\n\r\n", "\r\n\r\nok");
  expect(answer).toStartWith("HTTP/1.1 200 OK");
  expect(answer.length).toBeGreaterThan(HEAD_BYTES - 300);
  end();
  expect((await slow).status).toBe(200);
});
