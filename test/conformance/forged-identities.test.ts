/** Who shows what is no X.509-SVID of the trust domain, or shows nothing, is neither heard nor spoken to: over real connections, both ways. */
import { afterEach, describe, expect, test } from "bun:test";
import type { AddressInfo } from "node:net";
import { connect as connectTcp } from "node:net";
import { type ConnectionOptions, connect, createServer, type TlsOptions } from "node:tls";
import type { TlsIdentity } from "#identity";
import { Http2Session } from "#wire/http2";
import { forgedIdentities } from "../fakes/forged-identities.ts";
import {
  authority,
  echo,
  endpointAt,
  startApp,
  startClientSide,
  startServerSide,
  stopAll,
  stops,
} from "../fakes/proxy-pair.ts";

afterEach(stopAll);

const REQUEST = [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "back"];

/** An agent before an app that counts what reaches it. */
async function inbound() {
  let asked = 0;
  const app = await startApp((request, response) => {
    asked++;
    echo(request, response);
  });
  return { port: startServerSide(app.port).port, asked: () => asked };
}

/** Status of one request in HTTP/2, or how the connection ended without one. */
function ask(port: number, options: ConnectionOptions): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ALPNProtocols: ["h2"], ...options });
  stops.push(() => socket.destroy());
  const session = new Http2Session({
    role: "client",
    sink: {
      onOutputPending: () => undefined,
      onHeaders: (_stream, fields) => resolve(`${fields[0]} ${fields[1]}`),
      onData: () => undefined,
      onReset: () => resolve("reset"),
      onWritable: () => undefined,
      onGoaway: () => undefined,
      onPong: () => undefined,
      onClose: () => undefined,
    },
  });
  const flush = (): void => {
    const bytes = Buffer.from(session.pendingOutput());
    session.outputTaken(bytes.length);
    if (bytes.length > 0) socket.write(bytes);
  };
  socket.once("secureConnect", () => {
    session.openStream(REQUEST, true);
    flush();
  });
  socket.on("data", (chunk: Buffer) => {
    session.read(chunk);
    flush();
  });
  socket.on("error", () => undefined);
  socket.once("close", () => resolve("closed"));
  setTimeout(() => resolve("nothing"), 3000);
  return promise;
}

const shown = ({ certificateChainPem: cert, privateKeyPem: key }: TlsIdentity): ConnectionOptions => ({ cert, key });

describe("an agent that is called", () => {
  const good = authority.identity("shop/front");

  test("hears a caller with an SVID", async () => {
    const { port, asked } = await inbound();
    expect([await ask(port, shown(good)), asked()]).toEqual([":status 200", 1]);
  });

  test.each(forgedIdentities(authority, "shop/front"))(
    "does not hear a caller whose certificate %s",
    async (_, forged) => {
      const { port, asked } = await inbound();
      expect([await ask(port, shown(forged)), asked()]).toEqual(["closed", 0]);
    },
  );

  test.each<[string, ConnectionOptions]>([
    ["without a certificate", {}],
    ["in TLS 1.2", { ...shown(good), maxVersion: "TLSv1.2" }],
  ])("does not hear a caller %s", async (_, options) => {
    const { port, asked } = await inbound();
    expect([await ask(port, options), asked()]).toEqual(["closed", 0]);
  });

  test.each([
    ["HTTP/1.1", "GET / HTTP/1.1\r\nhost: back\r\n\r\n"],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"],
    ["the PROXY protocol", "PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\nGET / HTTP/1.1\r\nhost: back\r\n\r\n"],
    ["bytes", "\0\0\0\0hello"],
  ])("does not hear %s in the clear", async (_, text) => {
    const { port, asked } = await inbound();
    const socket = connectTcp(port, "127.0.0.1", () => socket.write(text, "latin1"));
    let answer = "";
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString("latin1");
    });
    socket.on("error", () => undefined);
    await new Promise((resolve) => socket.once("close", resolve));
    expect([answer.includes("HTTP"), asked()]).toEqual([false, 0]);
  });
});

describe("an agent that calls", () => {
  /** What a server that shows this is told by the agent of a caller, and what the caller is answered. */
  async function called({ certificateChainPem: cert, privateKeyPem: key }: TlsIdentity, options: TlsOptions = {}) {
    const heard: string[] = [];
    const server = createServer(
      { cert, key, requestCert: true, rejectUnauthorized: false, ALPNProtocols: ["h2"], ...options },
      (socket) => {
        socket.on("data", (chunk: Buffer) => heard.push(chunk.toString("latin1")));
        socket.on("error", () => undefined);
      },
    );
    server.on("tlsClientError", () => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    stops.push(() => server.close());
    const endpoint = endpointAt((server.address() as AddressInfo).port);
    const client = startClientSide({ endpoints: [endpoint], requestTimeoutMs: 1500 });
    const answer = await fetch(`http://127.0.0.1:${client.port}/secret`);
    await answer.text();
    return { status: answer.status, heard: heard.join("") };
  }

  test("speaks to who has the SVID that the registry promised", async () => {
    const { heard } = await called(authority.identity("shop/back"));
    expect(heard).toStartWith("PRI * HTTP/2.0");
  });

  test("speaks not in TLS 1.2", async () => {
    const old = { maxVersion: "TLSv1.2" } as const;
    expect(await called(authority.identity("shop/back"), old)).toEqual({ status: 503, heard: "" });
  });

  test("speaks not to another workload of the mesh", async () => {
    expect(await called(authority.identity("shop/front"))).toEqual({ status: 503, heard: "" });
  });

  test.each(forgedIdentities(authority, "shop/back"))(
    "speaks not to who shows a certificate that %s",
    async (_, forged) => {
      expect(await called(forged)).toEqual({ status: 503, heard: "" });
    },
  );
});
