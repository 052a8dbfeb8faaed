import { afterEach, expect, test } from "bun:test";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { canConnect, httpStatus } from "./index.ts";

const stops: (() => unknown)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

test("a program that greets first is asked without an error of its own", async () => {
  const errors: string[] = [];
  const closed = Promise.withResolvers<void>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", (error) => errors.push(error.message));
    socket.on("close", () => closed.resolve());
    socket.resume();
    setTimeout(() => socket.write("220 ready\r\n"), 30);
    setTimeout(() => socket.end("221 bye\r\n"), 80);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => server.close());
  expect(await canConnect("127.0.0.1", (server.address() as AddressInfo).port, 1000)).toBe(true);
  await closed.promise;
  expect(errors).toEqual([]);
});

test("nobody listens", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  expect(await canConnect("127.0.0.1", port, 1000)).toBe(false);
  expect(await httpStatus(`http://127.0.0.1:${port}/`, 1000)).toBeUndefined();
});

test.each([0, 1000, 60_000])("an answer of %i bytes is read to its end", async (bytes) => {
  const finished = Promise.withResolvers<boolean>();
  const server = createHttpServer((_request, response) => {
    response.on("close", () => finished.resolve(response.writableFinished));
    response.writeHead(503);
    setTimeout(() => response.end("x".repeat(bytes)), 20);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => server.close());
  expect(await httpStatus(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, 1000)).toBe(503);
  expect(await finished.promise).toBe(true);
});

test("an endless answer is left", async () => {
  const server = createHttpServer((_request, response) => {
    const timer = setInterval(() => response.write("x".repeat(16_384)), 1);
    response.on("close", () => clearInterval(timer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => server.closeAllConnections());
  stops.push(() => server.close());
  expect(await httpStatus(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, 2000)).toBe(200);
});
