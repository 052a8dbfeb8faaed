/** What one version of HTTP says in its own way, and what a caller must not say at all, as the app gets it. */
import { afterEach, expect, test } from "bun:test";
import { connect } from "node:http2";
import { type AddressInfo, createServer } from "node:net";
import {
  authority,
  endpointAt,
  pair,
  raw,
  startClientSide,
  startServerSide,
  stopAll,
  stops,
} from "../../test/fakes/proxy-pair.ts";

afterEach(stopAll);

/** An app that answers with the head that it was sent, as it was. */
async function startMirror(): Promise<number> {
  const server = createServer((socket) => {
    let seen = "";
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => {
      seen += bytes.toString("latin1");
      if (seen.includes("\r\n\r\n")) socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${seen.length}\r\n\r\n${seen}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

test("cookies that HTTP/2 sent one by one are one field in HTTP/1.1", async () => {
  const server = startServerSide(await startMirror(), { protocol: "http1" });
  const client = startClientSide({ endpoints: [endpointAt(server.port)], protocol: "http" });
  const session = connect(`http://127.0.0.1:${client.port}`);
  session.on("error", () => undefined);
  stops.push(() => session.destroy());
  const stream = session.request({ ":path": "/", cookie: ["a=1", "b=2", "c=3"] as unknown as string });
  let head = "";
  for await (const part of stream) head += String(part);
  expect(head.match(/^cookie: .*$/gm)).toEqual(["cookie: a=1; b=2; c=3"]);
});

test("a caller in HTTP/1.0 is sent no interim answer, which it would take for the answer", async () => {
  const { client } = await pair((_request, response) => {
    response.writeEarlyHints({ link: "</a>; rel=preload" });
    setTimeout(() => response.end("ok"), 20);
  });
  expect(await raw(client.port, "GET / HTTP/1.0\r\nhost: a\r\n\r\n")).toStartWith("HTTP/1.1 200 OK");
  expect(await raw(client.port, "GET / HTTP/1.1\r\nhost: a\r\n\r\n", "ok")).toStartWith("HTTP/1.1 103 Early Hints");
});

test("an app that sends no end of interim answers fails alone, after as many as are taken", async () => {
  let connections = 0;
  const waiting: (() => void)[] = [];
  const app = createServer((socket) => {
    connections++;
    socket
      .on("error", () => undefined)
      .on("data", (head) => {
        const path = String(head).split(" ")[1];
        if (path === "/slow") waiting.push(() => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
        else {
          const count = Number(path?.slice(1));
          socket.write("HTTP/1.1 102 Processing\r\n\r\n".repeat(count));
          socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        }
      });
  });
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  stops.push(() => app.close());
  const server = startServerSide((app.address() as AddressInfo).port, { protocol: "http1" });
  const client = startClientSide({ endpoints: [endpointAt(server.port)] });
  const ask = (path: string) => raw(client.port, `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
  const slow = ask("/slow");
  await Bun.sleep(50);
  const many = await ask("/256");
  expect([many.match(/HTTP\/1.1 102/g)?.length, many.match(/HTTP\/1.1 200/g)?.length]).toEqual([256, 1]);
  const flood = await ask("/5000");
  expect(flood.match(/HTTP\/1.1 102/g)?.length).toBe(256);
  expect(flood).toContain("HTTP/1.1 502");
  expect(flood).toContain("upstream-protocol-error");
  for (const answer of waiting) answer();
  expect(await slow).toStartWith("HTTP/1.1 200");
  expect([connections > 1, client.proxy.state().services[0]?.endpoints[0]?.isConnected]).toEqual([true, true]);
});

test("trailers say nothing that only an agent may say, and nothing of a connection, either way", async () => {
  const { client } = await pair((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(200, { trailer: "x-ok" });
      response.write(JSON.stringify(request.trailers));
      response.addTrailers({ "x-ok": "2", "x-heddle-reason": "overflow", "keep-alive": "timeout=5" });
      response.end();
    });
  });
  const head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n";
  const trailers =
    "x-ok: 1\r\nx-forwarded-client-cert: URI=spiffe://a/b\r\nx-heddle-policy: a\r\nkeep-alive: 5\r\n\r\n";
  const answer = await raw(client.port, head + trailers, "x-ok: 2\r\n");
  expect(answer).toContain('{"x-ok":"1"}');
  expect(answer).toEndWith("\r\n0\r\nx-ok: 2\r\n\r\n");
});

test("who calls is said by the agent alone, in whatever disguise", async () => {
  const server = startServerSide(await startMirror(), { protocol: "http1" });
  const client = startClientSide({ endpoints: [endpointAt(server.port)] });
  const claims = ["x-forwarded-client-cert", "x_forwarded_client_cert", "X-Forwarded_Client-Cert"];
  const fields = claims.map((name) => `${name}: URI=spiffe://a/b\r\n`).join("");
  const head = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx_other_name: 1\r\n";
  const got = await raw(client.port, `${head}${fields}\r\n`);
  expect(got).not.toContain("spiffe://a/b");
  expect(got).toContain("x_other_name: 1");
  expect(got).toContain("URI=spiffe://test.example/ns/shop/sa/front");
});

test("where a request comes from is said by the edge, whatever its caller writes in whatever spelling", async () => {
  const server = startServerSide(await startMirror(), { protocol: "http1" });
  const edgeCertificate = () => authority.identity("shop/front", { dnsNames: ["localhost"] });
  const client = startClientSide({ endpoints: [endpointAt(server.port)], edgeCertificate });
  const said = {
    "X-Forwarded-For": "6.6.6.6",
    x_forwarded_for: "6.6.6.6",
    "X-Forwarded_Proto": "6.6.6.6",
    forwarded: "6.6.6.6",
  };
  const headers = {
    ...said,
    x_request_ix: "kept",
    x_forwarded_client_cert: "6.6.6.6",
    "x-envoy_expected_rq-timeout-ms": "6.6.6.6",
  };
  const answer = await fetch(`https://127.0.0.1:${client.port}/`, { headers, tls: { rejectUnauthorized: false } });
  const got = await answer.text();
  expect(got).not.toContain("6.6.6.6");
  expect(got.toLowerCase()).toContain("x-forwarded-for: 127.0.0.1");
  expect(got).toContain("x_request_ix: kept");
});
