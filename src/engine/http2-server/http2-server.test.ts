import { afterEach, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { connect } from "node:http2";
import type { TLSSocket } from "node:tls";
import { parseCertificate, type TlsIdentity } from "#identity";
import { failure, problem, success, valueOrThrow } from "#model";
import { fakeAuthority } from "../../../test/fakes/mesh-authority.ts";
import { dialHttp2 } from "../http2-client/index.ts";
import { type Http2Server, serveHttp2 } from "./index.ts";

const authority = fakeAuthority("shop.example");
const served = authority.identity("heddle-system/heddle-server");
let servers: Http2Server[] = [];
afterEach(async () => {
  await Promise.all(servers.map((each) => each.stop(0)));
  servers = [];
});

async function serve(lifetimeMs = 60_000): Promise<Http2Server> {
  const server = await serveHttp2<string>({
    address: "127.0.0.1",
    port: 0,
    identity: served,
    admit({ leafDer }) {
      if (leafDer === undefined) return success({ peer: "nobody", lifetimeMs });
      const [uri = ""] = valueOrThrow(parseCertificate(leafDer)).uriSans;
      if (uri.endsWith("mallory")) return failure(problem("HDL_IDENTITY_SVID_UNTRUSTED", "no"));
      return success({ peer: uri, lifetimeMs });
    },
    answer: (_request, response, peer) => response.end(peer),
  });
  servers.push(valueOrThrow(server));
  return valueOrThrow(server);
}

function ask(port: number, identity?: TlsIdentity): Promise<{ body: string; serial: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ body: string; serial: string }>();
  const client = connect(`https://127.0.0.1:${port}`, {
    servername: "heddle-server",
    rejectUnauthorized: false,
    ...(identity === undefined ? {} : { cert: identity.certificateChainPem, key: identity.privateKeyPem }),
  });
  client.on("error", reject);
  client.on("close", () => reject(new Error("closed")));
  const stream = client.request({ ":path": "/" });
  let body = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk) => {
    body += chunk;
  });
  stream.on("error", reject);
  stream.on("end", () => {
    const { raw } = (client.socket as TLSSocket).getPeerCertificate();
    resolve({ body, serial: new X509Certificate(raw).serialNumber });
    client.close();
  });
  stream.end();
  return promise;
}

test("a client is known by its certificate, and one without is nobody", async () => {
  const { port } = await serve();
  expect((await ask(port, authority.identity("shop/cart"))).body).toBe("spiffe://shop.example/ns/shop/sa/cart");
  expect((await ask(port)).body).toBe("nobody");
});

test("a client that is not admitted is not answered", async () => {
  const { port } = await serve();
  expect(await ask(port, authority.identity("shop/mallory")).catch(() => "ended")).toBe("ended");
});

test("a new connection is shown the newest identity, and still asked for its own", async () => {
  const server = await serve();
  const before = await ask(server.port, authority.identity("shop/cart"));
  server.rotate(authority.identity("heddle-system/heddle-server"));
  const after = await ask(server.port, authority.identity("shop/cart"));
  expect(after.serial).not.toBe(before.serial);
  expect(after.body).toBe("spiffe://shop.example/ns/shop/sa/cart");
});

test("a connection ends with the lifetime of its peer", async () => {
  const { port } = await serve(100);
  const dialled = await dialHttp2({
    host: "127.0.0.1",
    port,
    serverName: "heddle-server",
    accept: () => success(undefined),
    timeoutMs: 2000,
  });
  const ended = Promise.withResolvers<void>();
  valueOrThrow(dialled).onClose(ended.resolve);
  await ended.promise;
});

test("a taken port is a problem", async () => {
  const { port } = await serve();
  const second = await serveHttp2({
    address: "127.0.0.1",
    port,
    identity: served,
    admit: () => success({ peer: "", lifetimeMs: 1 }),
    answer: () => undefined,
  });
  expect(second).toMatchObject({ ok: false, problems: [{ code: "HDL_ENGINE_PORT_IN_USE" }] });
});
