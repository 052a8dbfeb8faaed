import { afterEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { endpointAt, raw, startClientSide, startServerSide, stopAll } from "../fakes/proxy-pair.ts";
import { failuresIn, outcomeOf, startProgram } from "./programs.ts";

afterEach(stopAll);

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";

function handshake(path: string): string {
  const fields = `host: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${KEY}\r\n`;
  return `GET ${path} HTTP/1.1\r\n${fields}\r\n`;
}

async function pairBefore(program: string, protocol: "http1" | "http2", ...args: readonly string[]) {
  const server = startServerSide(await startProgram(program, ...args), { protocol });
  // What is declared of the service leaves its callers both versions.
  return startClientSide({ endpoints: [endpointAt(server.port)], protocol: protocol === "http2" ? "http2" : "http" });
}

describe("WebSockets pass through two agents: fragments, close codes, pings, large messages, refusals", () => {
  const cases = [
    ["HTTP/1.1", "http1", "websocket-server.mjs", "http1"],
    ["HTTP/1.1 to an app that takes them over HTTP/2", "http1", "websocket-http2-server.mjs", "http2"],
    ["HTTP/2", "http2", "websocket-http2-server.mjs", "http2"],
    ["HTTP/2 to an app that takes them over HTTP/1.1", "http2", "websocket-server.mjs", "http1"],
  ] as const;
  test.each(cases)(
    "%s",
    async (_name, version, program, protocol) => {
      const client = await pairBefore(program, protocol);
      const outcome = await outcomeOf("websocket-client.mjs", client.port, version);
      expect(failuresIn(outcome)).toEqual([]);
      expect(Object.keys(outcome)).toHaveLength(9);
    },
    60_000,
  );
});

test("an app that nobody declared is asked over HTTP/2 by a caller that speaks it", async () => {
  const server = startServerSide(await startProgram("websocket-http2-server.mjs"));
  const client = startClientSide({ endpoints: [endpointAt(server.port)] });
  expect(failuresIn(await outcomeOf("websocket-client.mjs", client.port, "http2"))).toEqual([]);
}, 60_000);

describe("a caller in HTTP/1.1 before an app in HTTP/2", () => {
  test("is shown that its key was understood, whatever status of 2xx the app accepts with", async () => {
    const client = await pairBefore("websocket-http2-server.mjs", "http2");
    for (const path of ["/chat", "/201"]) {
      const answer = await raw(client.port, handshake(path), "\r\n\r\n");
      const accept = createHash("sha1").update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      expect(answer).toStartWith("HTTP/1.1 101 ");
      expect(answer).toContain(`sec-websocket-accept: ${accept}\r\n`);
    }
  });

  test("is told that the app takes none, and other requests go on", async () => {
    const client = await pairBefore("websocket-http2-server.mjs", "http2", "no-connect");
    for (let round = 0; round < 3; round++) {
      const answer = await raw(client.port, handshake("/chat"), "\r\n\r\n");
      expect(answer).toStartWith("HTTP/1.1 502 ");
      expect(answer).toContain("x-heddle-reason: upstream-protocol-error");
      expect(await raw(client.port, "GET /a HTTP/1.1\r\nhost: a\r\n\r\n", "\r\n\r\n")).toStartWith("HTTP/1.1 400 ");
    }
  });
});
