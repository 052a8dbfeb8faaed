/** Requests that end in every way, many at once: what they held is given back, each time. */
import { afterEach, expect, test } from "bun:test";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import type { TrafficPolicy } from "#model";
import { endpointAt, startApp, startClientSide, startServerSide, stopAll } from "../../test/fakes/proxy-pair.ts";
import { seededRandom } from "../../test/fakes/random.ts";

afterEach(stopAll);

const REQUESTS = 4;
const traffic: TrafficPolicy = {
  balancing: { kind: "least-request" },
  hashKey: undefined,
  failover: [],
  distribute: [],
  isLocal: false,
  warmupMs: undefined,
  outlierDetection: undefined,
  pool: {
    connections: undefined,
    pendingRequests: REQUESTS,
    requests: REQUESTS,
    retries: 1,
    connectTimeoutMs: undefined,
  },
};

const { next: random } = seededRandom(20_261_126);
const below = (max: number): number => Math.floor(random() * max);
const large = Buffer.alloc(512 * 1024, "x");

/** Answers whole, late, in part, with more than is read, before the request is whole, never, or by breaking off. */
function misbehave(request: IncomingMessage, response: ServerResponse): void {
  response.on("error", () => undefined);
  request.on("error", () => undefined);
  const ways = [
    () => request.resume().on("end", () => response.end("ok")),
    () => setTimeout(() => response.end("late"), below(30)),
    () => response.end(large),
    () => response.writeHead(200, { "content-length": "100" }).write("part"),
    () => request.socket.destroy(),
    () => setTimeout(() => request.socket.destroy(), below(20)),
    () => response.writeHead(413).end("early"),
    () => response.write(large, () => request.socket.destroy()),
    () => undefined,
  ];
  if (request.url === "/good") ways[0]?.();
  else ways[below(ways.length)]?.();
}

/** Asks, sends some of a body, and leaves at any moment. */
function askAndLeave(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${large.length}\r\n\r\n`);
      socket.write(large.subarray(0, below(large.length + 1)));
      if (random() < 0.5) socket.resume();
      setTimeout(() => socket.destroy(), below(40));
    });
    socket.on("error", () => undefined).on("close", () => resolve());
  });
}

async function askAndLeaveInHttp2(port: number): Promise<void> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on("error", () => undefined);
  await Promise.all(
    Array.from({ length: 3 }, async () => {
      const stream = session.request({ ":method": "POST", ":path": "/" });
      stream.on("error", () => undefined);
      stream.write(large.subarray(0, below(large.length)));
      if (random() < 0.5) stream.resume();
      await Bun.sleep(below(40));
      stream.close(8);
    }),
  );
  session.destroy();
}

test("circuits, windows and connections are as before", async () => {
  const app = await startApp(misbehave);
  const server = startServerSide(app.port, { protocol: "http1" }, undefined);
  const client = startClientSide({
    endpoints: [endpointAt(server.port)],
    protocol: "http",
    traffic,
    requestTimeoutMs: 60,
  });
  for (let round = 0; round < 100; round++) {
    await Promise.all([askAndLeave(client.port), askAndLeave(client.port), askAndLeaveInHttp2(client.port)]);
  }
  await Bun.sleep(300);
  client.update({ endpoints: [endpointAt(server.port)], protocol: "http", traffic, requestTimeoutMs: 5000 });
  const url = `http://127.0.0.1:${client.port}/good`;
  // More than what the window of the connection between agents holds: nothing of it may have been lost.
  const body = Buffer.alloc(24 * 1024 * 1024);
  const answers = await Promise.all(Array.from({ length: REQUESTS }, () => fetch(url, { method: "POST", body })));
  expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(answers.map(() => "ok"));
  expect(client.proxy.state().services[0]?.callerConnections).toBeLessThanOrEqual(REQUESTS);
}, 60_000);
