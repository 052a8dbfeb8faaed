/** Callers that ask and do not read, or come and do not ask: what they hold is bounded, and nobody else waits for them. */
import { afterEach, expect, test } from "bun:test";
import { type AddressInfo, connect, createServer } from "node:net";
import { hostilePeer } from "../../test/fakes/hostile-peer.ts";
import { frame, goawayCode, PREFACE, requestBlock } from "../../test/fakes/http2-frames.ts";
import {
  authority,
  endpointAt,
  pair,
  startApp,
  startClientSide,
  startServerSide,
  stopAll,
  stops,
} from "../../test/fakes/proxy-pair.ts";

afterEach(stopAll);

const LARGE_BYTES = 256 * 1024;
const large = Buffer.alloc(LARGE_BYTES, "x");
const OPENING = Buffer.concat([PREFACE, frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]))]);

/** A caller that is connected, has sent this, and reads only if it is told to. */
function caller(port: number, first: Buffer | string, reads = false) {
  const seen: Buffer[] = [];
  const socket = connect(port, "127.0.0.1", () => socket.write(first));
  stops.push(() => socket.destroy());
  socket.on("error", () => undefined);
  if (reads) socket.on("data", (bytes) => seen.push(bytes as Buffer));
  const closed = new Promise<Buffer>((resolve) => socket.once("close", () => resolve(Buffer.concat(seen))));
  return { socket, closed };
}

test("answers that their callers do not read hold up nobody on the same connection between agents", async () => {
  const { url, client } = await pair((request, response) => response.end(request.url === "/large" ? large : "ok"));
  const block = requestBlock("GET", "/large");
  const heads = Array.from({ length: 200 }, (_, index) => frame(1, 5, index * 2 + 1, block));
  const stalled = caller(client.port, Buffer.concat([OPENING, ...heads]), true);
  await Bun.sleep(500);
  for (let round = 0; round < 5; round++) {
    const response = await fetch(`${url}/large`, { signal: AbortSignal.timeout(3000) });
    expect((await response.arrayBuffer()).byteLength).toBe(LARGE_BYTES);
  }
  expect(stalled.socket.destroyed).toBe(false);
}, 20_000);

test("a pipeline whose answers are not read is not answered further", async () => {
  let asked = 0;
  const { client } = await pair((_request, response) => {
    asked++;
    response.end(large);
  });
  const { socket } = caller(client.port, "GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(1000));
  socket.pause();
  for (let before = -1; before !== asked; await Bun.sleep(300)) before = asked;
  // Two kernels take some megabytes of it.
  expect(asked).toBeLessThan(100);
  const stoppedAt = asked;
  socket.on("data", () => undefined);
  socket.resume();
  for (let waits = 0; waits < 200 && asked < stoppedAt + 100; waits++) await Bun.sleep(50);
  expect(asked).toBeGreaterThanOrEqual(stoppedAt + 100);
}, 30_000);

test.each([
  ["has said nothing but its preface", OPENING],
  ["has not finished its preface", PREFACE.subarray(0, 20)],
  ["has not finished a head", Buffer.concat([OPENING, frame(1, 0, 1, Buffer.from([0x82]))])],
])("a caller in HTTP/2 that %s is told to leave, and cut off when it does not", async (_name, first) => {
  const app = await startApp((_request, response) => response.end("ok"));
  const server = startServerSide(app.port);
  const client = startClientSide({ endpoints: [endpointAt(server.port)], limits: { headTimeoutMs: 200 } });
  const startedMs = performance.now();
  const seen = await caller(client.port, first, true).closed;
  expect(performance.now() - startedMs).toBeLessThan(2000);
  if (first.length > PREFACE.length) expect(goawayCode(seen)).toBe(0);
});

test("a peer whose certificate has expired begins nothing new, even if it does not answer", async () => {
  const app = await startApp((_request, response) => response.end("ok"));
  const server = startServerSide(app.port, { limits: { handshakeTimeoutMs: 800 } });
  // Certificates tell the time in seconds.
  const notAfterMs = Math.ceil(Date.now() / 1000) * 1000 + 1000;
  const identity = authority.identity("shop/front", { notAfterMs });
  const peer = await hostilePeer(server.port, identity);
  const fields = [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "back"];
  const ask = async (): Promise<boolean> => {
    const [answers, resets] = [peer.answers.length, peer.resets.length];
    const before = peer.session.openStream([...fields], true);
    peer.flush();
    for (let waits = 0; waits < 50 && answers === peer.answers.length && resets === peer.resets.length; waits++) {
      await Bun.sleep(10);
    }
    return before > 0 && peer.answers.length > answers;
  };
  expect(await ask()).toBe(true);
  // It goes deaf: what the agent says from here on is not answered.
  peer.socket.removeAllListeners("data");
  const seen: Buffer[] = [];
  peer.socket.on("data", (bytes) => seen.push(bytes as Buffer));
  await Bun.sleep(notAfterMs + 1300 - Date.now());
  peer.session.openStream([...fields], true);
  peer.flush();
  await Bun.sleep(100);
  const all = Buffer.concat(seen);
  const types: number[] = [];
  for (let at = 0; at + 9 <= all.length; at += 9 + all.readUIntBE(at, 3)) types.push(all[at + 3] as number);
  expect(types).not.toContain(1);
  expect(types.filter((type) => type === 7)).toHaveLength(2);
  expect(types).toContain(3);
  // It has been told twice, and has nothing under way.
  expect(await Promise.race([peer.closed.then(() => "closed"), Bun.sleep(2000)])).toBe("closed");
}, 10_000);

test("an app that has ended its half of a tunnel gets every byte of the other, however late it reads", async () => {
  let got = 0;
  let onClosed = (): void => undefined;
  const app = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      got += bytes.length;
    });
    socket.on("close", () => onClosed());
    socket.end("enough");
    setTimeout(() => socket.resume(), 250);
  });
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  stops.push(() => app.close());
  const server = startServerSide((app.address() as AddressInfo).port, { protocol: "tcp" });
  const client = startClientSide({ endpoints: [endpointAt(server.port)], protocol: "tcp" });
  // One of these ends while the app's kernel is full and the rest is with its agent: how much that takes differs between machines.
  for (let size = 3_000_000; size <= 6_000_000; size += 150_000) {
    got = 0;
    const closed = new Promise<void>((resolve) => {
      onClosed = resolve;
    });
    const socket = connect({ port: client.port, host: "127.0.0.1", allowHalfOpen: true });
    stops.push(() => socket.destroy());
    socket.on("error", () => undefined);
    socket.resume();
    socket.end(Buffer.alloc(size, 1));
    await closed;
    expect(got).toBe(size);
  }
}, 30_000);

test("an answer that its caller in HTTP/2 gives no room for is not held for ever", async () => {
  const app = await startApp((_request, response) => response.end("x".repeat(1000)));
  const server = startServerSide(app.port, { protocol: "http1" });
  const limits = { streamIdleTimeoutMs: 300 };
  const client = startClientSide({ endpoints: [endpointAt(server.port)], protocol: "http", limits });
  const { socket } = caller(client.port, Buffer.concat([OPENING, frame(1, 5, 1, requestBlock("GET", "/"))]));
  const seen: Buffer[] = [];
  socket.on("data", (bytes: Buffer) => seen.push(bytes));
  const isReset = (): boolean => {
    const all = Buffer.concat(seen);
    for (let at = 0; at + 9 <= all.length; at += 9 + all.readUIntBE(at, 3)) if (all[at + 3] === 3) return true;
    return false;
  };
  for (let waits = 0; waits < 200 && !isReset(); waits++) await Bun.sleep(10);
  expect(isReset()).toBe(true);
});

test("a caller that reads only after it has sent all gets the answer that came before", async () => {
  const { client } = await pair((_request, response) => {
    response.writeHead(413, { "content-length": "3" });
    response.end("big");
  });
  const total = 32 * 1024 * 1024;
  const { socket, closed } = caller(client.port, `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${total}\r\n\r\n`);
  socket.pause();
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  const part = Buffer.alloc(1024 * 1024);
  for (let sent = 0; sent < total; sent += part.length) {
    await new Promise<unknown>((resolve) => socket.write(part, resolve));
  }
  let answer = "";
  socket.on("data", (bytes: Buffer) => {
    answer += bytes.toString("latin1");
  });
  socket.resume();
  await closed;
  expect(answer).toStartWith("HTTP/1.1 413");
  expect(answer).toEndWith("\r\n\r\nbig");
}, 30_000);
