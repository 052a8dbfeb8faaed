import { afterEach, describe, expect, test } from "bun:test";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { MtlsMode } from "#model";
import {
  allow,
  echo,
  endpointAt,
  pair,
  raw,
  type Settings,
  startApp,
  startClientSide,
  startServerSide,
  stopAll,
  stops,
} from "../../test/fakes/proxy-pair.ts";

afterEach(stopAll);

const FRONT = "test.example/ns/shop/sa/front";
/** Type of a TLS record (RFC 8446 §5.1). */
const TLS_ALERT = 0x15;
const GET = "GET /a HTTP/1.1\r\nHost: back\r\nConnection: close\r\n\r\n";

async function serve(settings: Settings) {
  const app = await startApp(echo);
  return startServerSide(app.port, settings);
}

async function startTcpApp(onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

function dial(port: number): Socket {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => undefined);
  stops.push(() => socket.destroy());
  return socket;
}

function allOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    for (const over of ["end", "close"] as const) socket.once(over, () => resolve(text));
  });
}

async function until(isSo: () => boolean): Promise<void> {
  for (const endMs = Date.now() + 3000; !isSo() && Date.now() < endMs; ) await Bun.sleep(5);
  expect(isSo()).toBe(true);
}

describe("PERMISSIVE", () => {
  const mtls: MtlsMode = "PERMISSIVE";

  test("hands a request in the clear to the app, as one of a caller without identity", async () => {
    const server = await serve({ mtls });
    const answer = await fetch(`http://127.0.0.1:${server.port}/a?b=c`, { method: "POST", body: "hello" });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ method: "POST", url: "/a?b=c", body: "hello" });
    const batch = server.recorder.takeBatch(Date.now());
    expect(batch?.refusals).toEqual([]);
    expect(batch?.edges).toMatchObject([
      { reporter: "destination", mtls: false, source: { workload: "", principal: "", instance: "127.0.0.1" } },
    ]);
    expect(batch?.samples).toMatchObject([{ status: 200, method: "POST", path: "/a" }]);
    expect(server.recorder.prometheus()).toContain('connection_security_policy="none"');
  });

  test("takes away what a caller in the clear says of who it is", async () => {
    const server = await serve({ mtls });
    const spoofed = {
      "x-forwarded-client-cert": `By=a;URI=spiffe://${FRONT}`,
      "x-heddle-policy": "x",
      "x-heddle-spoken": "h2",
    };
    const answer = await fetch(`http://127.0.0.1:${server.port}/`, { headers: { ...spoofed, "x-mine": "1" } });
    const { headers } = (await answer.json()) as { readonly headers: Record<string, string> };
    expect(headers).toMatchObject({ "x-mine": "1" });
    for (const name of Object.keys(spoofed)) expect(headers[name]).toBeUndefined();
  });

  test("hears agents as before, on the same port", async () => {
    const { url, server } = await pair(echo, { mtls });
    const { headers } = (await (await fetch(url)).json()) as { readonly headers: Record<string, string> };
    expect(headers["x-forwarded-client-cert"]).toContain(`URI=spiffe://${FRONT}`);
    expect(server.recorder.takeBatch(Date.now())?.edges).toMatchObject([{ mtls: true }]);
  });

  test("lets no policy that asks for a principal match a caller without one", async () => {
    const server = await serve({ mtls, policies: [allow(FRONT)] });
    const answer = await fetch(`http://127.0.0.1:${server.port}/`);
    expect(answer.status).toBe(403);
    expect(answer.headers.get("x-heddle-reason")).toBe("policy-denied");
    expect((await fetch(`http://127.0.0.1:${server.port}/`)).status).toBe(403);
  });

  test("keeps a connection for the next request", async () => {
    const server = await serve({ mtls });
    const two = GET.replace("Connection: close\r\n", "") + GET;
    expect((await raw(server.port, two)).match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    await until(() => server.proxy.state().plaintextConnections === 0);
  });

  test("refuses what breaks HTTP, and records it", async () => {
    const server = await serve({ mtls, protocol: "http1" });
    expect(await raw(server.port, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")).toContain("HTTP/1.1 400");
    expect(server.recorder.takeBatch(Date.now())?.series).toMatchObject([{ endReason: "downstream-protocol-error" }]);
  });

  test("carries a long body both ways, at the pace of the slower side", async () => {
    const app = await startApp((request, response) => request.pipe(response));
    const server = startServerSide(app.port, { mtls });
    const body = Buffer.alloc(3_000_000, "x");
    const answer = await fetch(`http://127.0.0.1:${server.port}/`, { method: "POST", body });
    expect(Buffer.from(await answer.arrayBuffer()).equals(body)).toBe(true);
  });

  test("speaks HTTP/2 with a caller that has prior knowledge", async () => {
    const app = createHttp2Server((request, response) => {
      response.setHeader("x-version", request.httpVersion);
      request.pipe(response);
    });
    await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
    stops.push(() => app.close());
    const server = startServerSide((app.address() as AddressInfo).port, { mtls });
    const session = connectHttp2(`http://127.0.0.1:${server.port}`);
    session.on("error", () => undefined);
    stops.push(() => session.destroy());
    const stream = session.request({ ":method": "POST", ":path": "/" });
    const head = new Promise<Record<string, unknown>>((resolve) => stream.once("response", resolve));
    stream.end(Buffer.alloc(200_000, "y"));
    let bytes = 0;
    for await (const chunk of stream) bytes += (chunk as Buffer).length;
    expect(await head).toMatchObject({ ":status": 200, "x-version": "2.0" });
    expect(bytes).toBe(200_000);
    expect(server.recorder.takeBatch(Date.now())?.edges).toMatchObject([{ mtls: false, protocol: "http" }]);
  });

  test("switches protocols", async () => {
    const app = await startApp(echo);
    app.server.on("upgrade", (_request, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
      socket.on("data", (bytes: Buffer) => socket.end(`heard ${bytes.toString()}`));
    });
    const server = startServerSide(app.port, { mtls });
    const socket = dial(server.port);
    const answer = allOf(socket);
    socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    await new Promise((resolve) => socket.once("data", resolve));
    socket.write("you");
    expect(await answer).toMatch(/^HTTP\/1\.1 101 [\s\S]*heard you$/);
  });

  test("carries bytes that are no HTTP, each half ending by itself", async () => {
    const port = await startTcpApp((socket) => {
      let seen = 0;
      socket.on("data", (chunk: Buffer) => {
        seen += chunk.length;
      });
      socket.on("end", () => socket.end(`got ${seen}`));
    });
    const server = startServerSide(port, { mtls });
    const socket = dial(server.port);
    const answer = allOf(socket);
    socket.end(Buffer.alloc(300_000, 1));
    expect(await answer).toBe("got 300000");
    expect(server.recorder.takeBatch(Date.now())?.edges).toMatchObject([{ mtls: false, protocol: "tcp" }]);
  });

  test("lets the app speak first to a caller that waits for it", async () => {
    const server = startServerSide(await startTcpApp((socket) => void socket.write("220 ready\r\n")), { mtls });
    const socket = dial(server.port);
    const greeting = await new Promise<string>((resolve) => socket.once("data", (bytes) => resolve(bytes.toString())));
    expect(greeting).toBe("220 ready\r\n");
  });

  test("reads as HTTP what a silent caller asks late, and records no tunnel of it", async () => {
    const server = await serve({ mtls });
    const socket = dial(server.port);
    const answer = allOf(socket);
    await until(() => server.proxy.state().plaintextConnections === 1);
    await Bun.sleep(60);
    socket.write(GET);
    expect(await answer).toContain("HTTP/1.1 200");
    expect(server.recorder.takeBatch(Date.now())?.series).toMatchObject([{ status: 200, count: 1 }]);
  });

  test("passes TLS that comes late to nobody", async () => {
    let heard = 0;
    const port = await startTcpApp((socket) => {
      socket.on("data", (bytes: Buffer) => {
        heard += bytes.length;
      });
    });
    const server = startServerSide(port, { mtls });
    const socket = dial(server.port);
    const answer = allOf(socket);
    await until(() => server.proxy.state().plaintextConnections === 1);
    await Bun.sleep(60);
    socket.write(Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 1, 0, 0, 1, 0]));
    expect(await answer).toBe("");
    expect(heard).toBe(0);
    expect(server.recorder.takeBatch(Date.now())?.refusals).toMatchObject([{ reason: "unexpected-tls" }]);
  });

  test("knows so many callers by their address, and the others together", async () => {
    const server = await serve({ mtls, limits: { plaintextCallersMax: 0 } });
    expect((await fetch(`http://127.0.0.1:${server.port}/`)).status).toBe(200);
    expect(server.recorder.takeBatch(Date.now())?.edges).toMatchObject([{ mtls: false, source: { instance: "" } }]);
  });

  test("has room for so many callers in the clear, who take none of the agents'", async () => {
    const { url, server } = await pair(echo, { mtls, limits: { plaintextConnectionsMax: 1 } });
    const first = dial(server.port);
    first.write("GET / HTTP/1.1\r\n");
    await until(() => server.proxy.state().plaintextConnections === 1);
    expect(await raw(server.port, GET)).toBe("");
    expect((await fetch(url)).status).toBe(200);
    first.destroy();
    await until(() => server.proxy.state().plaintextConnections === 0);
    expect(await raw(server.port, GET)).toContain("HTTP/1.1 200");
  });
});

describe("a mode that changes", () => {
  test("to STRICT ends what is open in the clear, refuses what comes, and records both", async () => {
    const server = await serve({ mtls: "PERMISSIVE" });
    const kept = dial(server.port);
    kept.write(GET.replace("Connection: close\r\n", ""));
    await new Promise((resolve) => kept.once("data", resolve));
    const over = allOf(kept);
    server.recorder.takeBatch(Date.now());
    server.update({ mtls: "STRICT" });
    expect(await over).toBe("");
    expect(server.proxy.state()).toMatchObject({ mtlsMode: "STRICT", plaintextConnections: 0 });
    expect(server.recorder.takeBatch(Date.now())?.refusals).toMatchObject([
      { reason: "plaintext", peerAddress: "127.0.0.1", localPort: server.port },
    ]);
    expect(await raw(server.port, GET)).toBe("");
    expect(server.recorder.takeBatch(Date.now())?.refusals).toMatchObject([{ reason: "plaintext" }]);
  });

  test("to PERMISSIVE holds for the next connection, and ends none of the agents'", async () => {
    const app = await startApp(echo);
    const server = startServerSide(app.port);
    const client = startClientSide({ endpoints: [endpointAt(server.port)] });
    expect((await fetch(`http://127.0.0.1:${client.port}/`)).status).toBe(200);
    server.update({ mtls: "PERMISSIVE" });
    expect((await fetch(`http://127.0.0.1:${server.port}/`)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${client.port}/`)).status).toBe(200);
    expect(server.proxy.state().peerConnections).toBe(1);
  });
});

test("DISABLE hears callers in the clear, and refuses TLS", async () => {
  const { url, server } = await pair(echo, { mtls: "DISABLE" });
  expect((await fetch(`http://127.0.0.1:${server.port}/`)).status).toBe(200);
  server.recorder.takeBatch(Date.now());
  expect((await fetch(url)).status).toBe(503);
  expect(server.recorder.takeBatch(Date.now())?.refusals).toMatchObject([{ reason: "unexpected-tls" }]);
});

test.each([
  ["HTTP/1.1", GET],
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"],
  ["bytes", "\x01\x02\x03 anything"],
])("STRICT refuses %s in the clear, records it, and the app hears nothing", async (_name, said) => {
  let connections = 0;
  const port = await startTcpApp(() => connections++);
  const server = startServerSide(port, { mtls: "STRICT" });
  const answer = await raw(server.port, said);
  expect(answer === "" || answer.charCodeAt(0) === TLS_ALERT).toBe(true);
  expect(server.recorder.takeBatch(Date.now())?.refusals).toMatchObject([
    { reason: "plaintext", peerAddress: "127.0.0.1" },
  ]);
  expect(connections).toBe(0);
});
