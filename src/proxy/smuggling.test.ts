import { afterEach, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import type { FieldList } from "#wire/fields";
import { hostilePeer } from "../../test/fakes/hostile-peer.ts";
import {
  echo,
  endpointAt,
  pair,
  raw,
  startClientSide,
  startServerSide,
  stopAll,
  stops,
} from "../../test/fakes/proxy-pair.ts";

afterEach(stopAll);

/** An app that writes down what it is sent, and answers when a head has come. */
async function startRawApp(answer: string): Promise<{ readonly port: number; readonly seen: () => string }> {
  let seen = "";
  const server = createServer((socket: Socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      seen += chunk.toString("latin1");
      if (seen.endsWith("\r\n\r\n") && answer !== "") socket.write(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => server.close());
  const address = server.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0, seen: () => seen };
}

const UPGRADE: FieldList = [
  ":method",
  "CONNECT",
  ":protocol",
  "x",
  ":scheme",
  "http",
  ":path",
  "/a",
  ":authority",
  "a",
];
const HIDDEN = Buffer.from("POST /hidden HTTP/1.1\r\nhost: a\r\n\r\n");

test("bytes after an upgrade that the app has not agreed to never reach it", async () => {
  const app = await startRawApp("");
  const server = startServerSide(app.port);
  const peer = await hostilePeer(server.port);
  const stream = peer.session.openStream(UPGRADE, false);
  peer.session.sendData(stream, HIDDEN, false);
  peer.flush();
  for (let wait = 0; wait < 50 && !app.seen().includes("\r\n\r\n"); wait++) await Bun.sleep(5);
  peer.session.sendData(stream, HIDDEN, false);
  peer.flush();
  await Bun.sleep(50);
  expect(app.seen()).toStartWith("GET /a HTTP/1.1\r\n");
  expect(app.seen()).not.toContain("hidden");
});

test("they reach it once it has, in their order", async () => {
  const app = await startRawApp("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
  const server = startServerSide(app.port);
  const peer = await hostilePeer(server.port);
  const stream = peer.session.openStream(UPGRADE, false);
  peer.session.sendData(stream, Buffer.from("one "), false);
  peer.flush();
  for (let wait = 0; wait < 50 && peer.answers.length === 0; wait++) await Bun.sleep(5);
  peer.session.sendData(stream, Buffer.from("two"), false);
  peer.flush();
  for (let wait = 0; wait < 50 && !app.seen().endsWith("two"); wait++) await Bun.sleep(5);
  expect(app.seen()).toEndWith("\r\n\r\none two");
});

test("an upgrade with a body is asked as a request with a body", async () => {
  let requests = 0;
  const { client } = await pair((request, response) => {
    requests++;
    request.resume().on("end", () => response.end(request.headers.upgrade ?? "plain"));
  });
  const text = `POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\ncontent-length: ${HIDDEN.length}\r\n\r\n`;
  expect(await raw(client.port, `${text}${HIDDEN.toString()}`, "plain")).toContain("200 OK");
  expect(requests).toBe(1);
});

test("HTTP is not switched to inside HTTP, where nobody would decide what is asked", async () => {
  const switching = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n";
  const app = await startRawApp(switching);
  const server = startServerSide(app.port);
  const client = startClientSide({ endpoints: [endpointAt(server.port)] });
  const asked = "GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n";
  expect(await raw(client.port, asked, "\r\n\r\n")).toContain("x-heddle-reason: upstream-protocol-error");
  expect(app.seen()).not.toMatch(/^(?:connection|upgrade):/im);
  const peer = await hostilePeer(server.port);
  peer.session.openStream([...UPGRADE.slice(0, 3), "h2c", ...UPGRADE.slice(4)], false);
  peer.flush();
  for (let wait = 0; wait < 50 && peer.resets.length === 0; wait++) await Bun.sleep(5);
  expect(peer.resets).toHaveLength(1);
});

test("a request that offers to switch to HTTP/2 is asked with its own method", async () => {
  const { client } = await pair(echo);
  const offer = "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n";
  const answer = await raw(client.port, `DELETE /x HTTP/1.1\r\nhost: a\r\n${offer}`, "}");
  expect(answer).toContain('"method":"DELETE"');
});

test("a field whose value is the name of another does not frame the answer", async () => {
  const { client } = await pair((_request, response) => {
    response.setHeader("access-control-expose-headers", "content-length");
    response.write("a");
    setTimeout(() => response.end("b"), 5);
  });
  const answer = await raw(client.port, "GET / HTTP/1.1\r\nhost: a\r\n\r\n", "\r\n0\r\n\r\n");
  expect(answer).toContain("transfer-encoding: chunked");
});
