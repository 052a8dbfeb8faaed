import { afterEach, expect, test } from "bun:test";
import { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:tls";
import { failure, problem, type Result, success } from "#model";
import { fakeAuthority } from "../../../test/fakes/mesh-authority.ts";
import { dialHttp2, type Http2Connection } from "./index.ts";

const identity = fakeAuthority().identity("shop/catalog");
const tls = { cert: identity.certificateChainPem, key: identity.privateKeyPem };
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function portOf(server: Server | ReturnType<typeof createSecureServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

function dial(
  port: number,
  accept: (chain: readonly Uint8Array[]) => Result<unknown> = () => success(undefined),
): Promise<Result<Http2Connection>> {
  return dialHttp2({ host: "127.0.0.1", port, serverName: "anyone", accept, timeoutMs: 2000 });
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? "ok" : result.problems[0].code;
}

test("requests go through a connection that was accepted, and its end is told", async () => {
  const port = await portOf(createSecureServer(tls, (request, response) => response.end(request.url)));
  const chains: number[] = [];
  const dialled = await dial(port, (chain) => success(chains.push(chain.length)));
  if (!dialled.ok) throw new Error(codeOf(dialled));
  const connection = dialled.value;
  expect(chains).toEqual([2]);
  const stream = await connection.sessionManager.request("GET", "/path", {}, {});
  let body = "";
  for await (const chunk of stream) body += String(chunk);
  expect(body).toBe("/path");
  expect(connection.isOpen).toBe(true);
  const ended = Promise.withResolvers<void>();
  connection.onClose(ended.resolve);
  connection.close();
  await ended.promise;
  expect(connection.isOpen).toBe(false);
});

test("a server that is refused hears nothing and is left at once", async () => {
  const closed = Promise.withResolvers<void>();
  let heard = 0;
  const server = createServer({ ...tls, ALPNProtocols: ["h2"] }, (socket) => {
    socket.on("data", (data: Buffer) => {
      heard += data.length;
    });
    socket.on("error", () => undefined);
  });
  server.on("connection", (socket) => socket.on("close", () => closed.resolve()));
  server.on("tlsClientError", () => undefined);
  const refused = failure(problem("HDL_ENROLMENT_SERVER_UNTRUSTED", "Not this one."));
  expect(codeOf(await dial(await portOf(server), () => refused))).toBe("HDL_ENROLMENT_SERVER_UNTRUSTED");
  await closed.promise;
  expect(heard).toBe(0);
});

test("a server without h2 or without TLS 1.3 is refused", async () => {
  const old = createServer({ ...tls, ALPNProtocols: ["h2"], maxVersion: "TLSv1.2" }, () => undefined);
  old.on("tlsClientError", () => undefined);
  expect(codeOf(await dial(await portOf(old)))).toBe("HDL_ENGINE_UNREACHABLE");
  const http1 = createServer({ ...tls }, (socket) => socket.on("error", () => undefined));
  expect(codeOf(await dial(await portOf(http1)))).toBe("HDL_ENGINE_UNREACHABLE");
});

test("a server that speaks no TLS is refused", async () => {
  const listening = { data: () => undefined, open: (socket: Bun.Socket) => void socket.write("220 hello\r\n") };
  const plain = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: listening });
  closing.push(() => plain.stop(true));
  expect(codeOf(await dial(plain.port))).toBe("HDL_ENGINE_UNREACHABLE");
});
