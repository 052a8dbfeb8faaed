import { afterEach, describe, expect, test } from "bun:test";
import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { systemRandom } from "#engine/random";
import { systemClock, systemTimers } from "#engine/time";
import type { TlsIdentity } from "#identity";
import { fakeAuthority } from "../../test/fakes/mesh-authority.ts";
import {
  allow,
  authority,
  echo,
  endpointAt,
  pair,
  raw,
  recorderOf,
  startApp,
  startClientSide,
  startServerSide,
  stopAll,
  stops,
  tablesOf,
} from "../../test/fakes/proxy-pair.ts";
import { type OutboundEndpoint, WorkloadProxy } from "./index.ts";

afterEach(stopAll);

describe("a request through a pair of agents", () => {
  test("keeps method, path, query, fields and body, and tells the app who called", async () => {
    const { url } = await pair(echo);
    const response = await fetch(`${url}/a/b?c=d`, {
      method: "POST",
      body: "hello",
      headers: { "x-mine": "1", "x-forwarded-client-cert": "URI=spiffe://evil", "x-heddle-policy": "x" },
    });
    const seen = (await response.json()) as {
      method: string;
      url: string;
      headers: Record<string, string>;
      body: string;
    };
    expect(response.status).toBe(200);
    expect(seen).toMatchObject({ method: "POST", url: "/a/b?c=d", body: "hello" });
    expect(seen.headers).toMatchObject({
      "x-mine": "1",
      "x-forwarded-client-cert": "By=spiffe://test.example/ns/shop/sa/back;URI=spiffe://test.example/ns/shop/sa/front",
    });
    expect(seen.headers["x-heddle-policy"]).toBeUndefined();
    expect(seen.headers["traceparent"]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  test("continues a trace that the app began, with spans of both agents between", async () => {
    const { url, client, server } = await pair(echo);
    const trace = "0af7651916cd43dd8448eb211c80319c";
    const response = await fetch(url, { headers: { traceparent: `00-${trace}-b7ad6b7169203331-01` } });
    const seen = (await response.json()) as { headers: Record<string, string> };
    const [outbound] = client.recorder.takeBatch(Date.now())?.samples ?? [];
    const [inbound] = server.recorder.takeBatch(Date.now())?.samples ?? [];
    expect(outbound).toMatchObject({
      traceId: trace,
      parentSpanId: "b7ad6b7169203331",
      status: 200,
      endReason: "completed",
    });
    expect(inbound).toMatchObject({ traceId: trace, parentSpanId: outbound!.spanId, status: 200 });
    expect(seen.headers["traceparent"]).toBe(`00-${trace}-${inbound!.spanId}-01`);
    for (const { receivedUs, chosenUs, sentUs, firstByteUs, doneUs } of [outbound!, inbound!]) {
      expect([receivedUs, chosenUs, sentUs, firstByteUs, doneUs].every((stamp) => stamp > 0)).toBe(true);
      expect(receivedUs <= chosenUs && chosenUs <= sentUs && sentUs <= firstByteUs && firstByteUs <= doneUs).toBe(true);
    }
  });

  test("many at once share one connection and none is mixed up", async () => {
    const { url, client, server } = await pair((request, response) =>
      setTimeout(() => response.end(request.url), Math.random() * 5),
    );
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => (await fetch(`${url}/${index}`)).text()),
    );
    expect(answers).toEqual(Array.from({ length: 200 }, (_, index) => `/${index}`));
    expect(client.proxy.state().services[0]?.endpoints[0]?.isConnected).toBe(true);
    expect(server.proxy.state().peerConnections).toBe(1);
  });

  test.each([
    [64 * 1024, 600, 32],
    [1024 * 1024, 40, 4],
  ])(
    "answers of %i bytes, %i of them, %i at once, do not use up what the connection between agents may carry",
    async (bytes, count, atOnce) => {
      const body = Buffer.alloc(bytes, 1);
      const { url } = await pair((_request, response) => response.end(body));
      let asked = 0;
      const ask = async (): Promise<void> => {
        while (asked++ < count) expect((await (await fetch(url)).arrayBuffer()).byteLength).toBe(bytes);
      };
      await Promise.all(Array.from({ length: atOnce }, ask));
    },
  );

  test("pipelined requests are answered in order", async () => {
    const { client } = await pair((request, response) => response.end(request.url));
    const answer = await raw(
      client.port,
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    expect(answer.indexOf("/1")).toBeGreaterThan(0);
    expect(answer.indexOf("/2")).toBeGreaterThan(answer.indexOf("/1"));
  });

  test("HEAD, 204 and 304 have no body and leave the connection usable", async () => {
    const { client } = await pair((request, response) => {
      response.writeHead(
        request.url === "/204" ? 204 : request.url === "/304" ? 304 : 200,
        request.url === "/head" ? { "content-length": "5" } : {},
      );
      response.end();
    });
    const answer = await raw(
      client.port,
      "HEAD /head HTTP/1.1\r\nHost: a\r\n\r\nGET /204 HTTP/1.1\r\nHost: a\r\n\r\nGET /304 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 204", "HTTP/1.1 304"]);
    expect(answer).toContain("content-length: 5");
  });

  test("an expectation is met by the app, not by an agent", async () => {
    const app = await startApp(echo);
    let asked = 0;
    app.server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
      asked++;
      response.writeContinue();
      echo(request, response);
    });
    const server = startServerSide(app.port);
    const client = startClientSide({ endpoints: [endpointAt(server.port)] });
    const body = await new Promise<string>((resolve, reject) => {
      const request = httpRequest({
        port: client.port,
        host: "127.0.0.1",
        method: "POST",
        headers: { expect: "100-continue", "content-length": "5" },
      });
      request.on("continue", () => request.end("hello"));
      request.on("error", reject);
      request.on("response", (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on("end", () => resolve(text));
      });
      request.flushHeaders();
    });
    expect(asked).toBe(1);
    expect(JSON.parse(body)).toMatchObject({ body: "hello" });
  });

  test("chunked bodies and trailers pass both ways", async () => {
    const { client } = await pair((request, response) => {
      let text = "";
      request.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      request.on("end", () => {
        response.writeHead(200, { trailer: "x-sum" });
        response.write(text);
        response.addTrailers({ "x-sum": String(text.length), "x-seen": String(request.trailers["x-in"]) });
        response.end();
      });
    });
    const answer = await raw(
      client.port,
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nx-in: yes\r\n\r\n",
    );
    expect(answer).toContain("transfer-encoding: chunked");
    expect(answer).toContain("hello world");
    expect(answer).toContain("x-sum: 11");
    expect(answer).toContain("x-seen: yes");
  });

  test("an upgrade passes, with what follows in both directions, and a declined one is an ordinary answer", async () => {
    const app = await startApp((_request, response) => response.end("no upgrade here"));
    app.server.on("upgrade", (request, socket) => {
      if (request.headers.upgrade !== "echo")
        return socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nx-by: app\r\n\r\nhi ");
      return socket.pipe(socket);
    });
    const server = startServerSide(app.port);
    const client = startClientSide({ endpoints: [endpointAt(server.port)] });
    const answer = await raw(
      client.port,
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nping",
      "ping",
    );
    expect(answer).toStartWith("HTTP/1.1 101 Switching Protocols\r\n");
    expect(answer).toContain("x-by: app");
    expect(answer).toEndWith("hi ping");
    const declined = await raw(
      client.port,
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: other\r\n\r\n",
    );
    expect(declined).toStartWith("HTTP/1.1 400 Bad Request\r\n");
  });
});

describe("bodies of any size pass in bounded memory", () => {
  const SIZE = 64 * 1024 * 1024;

  test("a download to a slow reader", async () => {
    let written = 0;
    const chunk = Buffer.alloc(64 * 1024, "d");
    const { client } = await pair((_request, response) => {
      const write = (): void => {
        while (written < SIZE) {
          written += chunk.length;
          if (!response.write(chunk)) return void response.once("drain", write);
        }
        response.end();
      };
      write();
    });
    const before = process.memoryUsage().rss;
    const received = await new Promise<number>((resolve) => {
      const socket = connectTcp(client.port, "127.0.0.1", () => socket.write("GET / HTTP/1.0\r\n\r\n"));
      let length = 0;
      let isFirst = true;
      socket.on("data", (data: Buffer) => {
        length += data.length;
        if (!isFirst) return;
        isFirst = false;
        socket.pause();
        setTimeout(() => {
          expect(written).toBeLessThan(SIZE / 2);
          socket.resume();
        }, 300);
      });
      socket.on("close", () => resolve(length));
    });
    expect(received).toBeGreaterThan(SIZE);
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  }, 30_000);

  test("an upload to a slow app", async () => {
    let received = 0;
    const { client } = await pair((request, response) => {
      request.pause();
      setTimeout(() => request.resume(), 300);
      request.on("data", (data: Buffer) => {
        received += data.length;
      });
      request.on("end", () => response.end(String(received)));
    });
    const chunk = Buffer.alloc(64 * 1024, "u");
    const answer = await new Promise<string>((resolve) => {
      const request = httpRequest({ host: "127.0.0.1", port: client.port, method: "POST" }, (response) => {
        let text = "";
        response.on("data", (data: Buffer) => {
          text += data.toString();
        });
        response.on("end", () => resolve(text));
      });
      let sent = 0;
      const write = (): void => {
        while (sent < SIZE) {
          sent += chunk.length;
          if (!request.write(chunk)) return void request.once("drain", write);
        }
        request.end();
      };
      write();
    });
    expect(answer).toBe(String(SIZE));
  }, 30_000);
});

describe("policy at the destination", () => {
  const FRONT = "test.example/ns/shop/sa/front";

  test("what is allowed passes, and the record names the policy", async () => {
    const { url, server } = await pair(echo, { policies: [allow(FRONT, ["GET"])] });
    expect((await fetch(url)).status).toBe(200);
    expect(server.recorder.takeBatch(Date.now())?.samples[0]).toMatchObject({
      verdict: "allow",
      policy: "AuthorizationPolicy/shop/back-callers",
    });
  });

  test("what is not allowed never reaches the app, and the caller is told why", async () => {
    let reached = 0;
    const { url, client, server } = await pair(
      (_request, response) => {
        reached++;
        response.end();
      },
      { policies: [allow(FRONT, ["GET"])] },
    );
    const response = await fetch(url, { method: "POST", body: "x".repeat(100_000) });
    expect(response.status).toBe(403);
    expect(response.headers.get("x-heddle-reason")).toBe("policy-denied");
    expect(response.headers.get("x-heddle-policy")).toContain("AuthorizationPolicy/shop/back-callers");
    expect(response.headers.get("x-heddle-flow")).toMatch(/^[0-9a-f]{16}$/);
    expect(await response.text()).toContain("A policy does not allow this call.");
    expect(reached).toBe(0);
    for (const { recorder } of [client, server]) {
      expect(recorder.takeBatch(Date.now())?.samples[0]).toMatchObject({
        verdict: "deny",
        endReason: "policy-denied",
        status: 403,
      });
    }
  });

  test("a newer policy holds for connections that exist", async () => {
    const { url, server } = await pair(echo, { policies: [allow(FRONT)] });
    expect((await fetch(url)).status).toBe(200);
    server.proxy.update(tablesOf({ policies: [allow("test.example/ns/shop/sa/other")] }));
    expect((await fetch(url)).status).toBe(403);
  });
});

describe("who may connect", () => {
  const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

  test("plaintext to the mesh port is refused and recorded", async () => {
    const { server } = await pair(echo);
    expect(await raw(server.port, GET)).toBe("");
    expect(server.recorder.takeBatch(Date.now())?.refusals).toMatchObject([
      { reason: "plaintext", peerAddress: "127.0.0.1", localPort: server.port },
    ]);
  });

  test("a certificate of a foreign authority is refused and recorded", async () => {
    const app = await startApp(echo);
    const server = startServerSide(app.port);
    const evil = fakeAuthority();
    const forged: TlsIdentity = { ...evil.identity("shop/front"), authoritiesPem: [authority.pem] };
    const client = startClientSide({ endpoints: [endpointAt(server.port)] }, forged);
    const response = await fetch(`http://127.0.0.1:${client.port}`);
    expect(response.status).toBe(503);
    expect(server.recorder.takeBatch(Date.now())?.refusals).toMatchObject([
      { reason: "untrusted-certificate", presented: "spiffe://test.example/ns/shop/sa/front" },
    ]);
  });

  test("an endpoint that answers with another identity gets no request", async () => {
    const app = await startApp(echo);
    const server = startServerSide(app.port, {}, authority.identity("shop/impostor"));
    const client = startClientSide({ endpoints: [endpointAt(server.port)] });
    const response = await fetch(`http://127.0.0.1:${client.port}`);
    expect(response.status).toBe(503);
    expect(response.headers.get("x-heddle-reason")).toBe("identity-mismatch");
  });
});

describe("connections that show nothing", () => {
  test("are dropped when their time is up, and beyond a number at once, while others are served", async () => {
    const { server, url } = await pair(echo);
    const started = Date.now();
    const lives = await Promise.all(
      Array.from({ length: 6 }, async () => {
        expect(await raw(server.port, "")).toBe("");
        return Date.now() - started;
      }),
    );
    expect(lives.filter((life) => life < 150).length).toBe(3);
    expect(Math.max(...lives)).toBeLessThan(2000);
    expect((await fetch(url)).status).toBe(200);
  });
});

test("a connection takes nothing new once its certificate has expired, and costs no request", async () => {
  const app = await startApp((_request, response) => response.end("ok"));
  const shortLived = (workload: string): TlsIdentity => {
    // Certificates know no part of a second.
    const notAfterMs = Math.floor(Date.now() / 1000) * 1000 + 3000;
    return { ...authority.identity(workload, { notAfterMs }), notAfterMs };
  };
  const server = startServerSide(app.port);
  const client = startClientSide({ endpoints: [endpointAt(server.port)] }, shortLived("shop/front"));
  const ask = async (): Promise<number> => (await fetch(`http://127.0.0.1:${client.port}`)).status;
  expect(await ask()).toBe(200);
  await Bun.sleep(800);
  client.proxy.rotate(shortLived("shop/front"));
  for (let turn = 0; turn < 12; turn++) {
    expect(await ask()).toBe(200);
    await Bun.sleep(100);
  }
  await Bun.sleep(3000);
  expect(server.proxy.state().peerConnections).toBe(0);
  client.proxy.rotate(authority.identity("shop/front"));
  expect(await ask()).toBe(200);
}, 20_000);

describe("when things go wrong", () => {
  test("without an endpoint the caller is told so at once", async () => {
    const client = startClientSide({});
    const response = await fetch(`http://127.0.0.1:${client.port}`);
    expect([response.status, response.headers.get("x-heddle-reason")]).toEqual([503, "no-healthy-upstream"]);
  });

  test("an endpoint that refuses connections is passed over without a failed request", async () => {
    const app = await startApp(echo);
    const server = startServerSide(app.port);
    const dead = await startApp(echo);
    dead.server.close();
    const endpoints = [endpointAt(dead.port, { instance: "back-0" }), endpointAt(server.port)];
    const client = startClientSide({ endpoints });
    for (let turn = 0; turn < 20; turn++) expect((await fetch(`http://127.0.0.1:${client.port}`)).status).toBe(200);
  });

  test("an app that does not listen is named as unreachable", async () => {
    const dead = await startApp(echo);
    dead.server.close();
    const server = startServerSide(dead.port);
    const client = startClientSide({ endpoints: [endpointAt(server.port)] });
    const response = await fetch(`http://127.0.0.1:${client.port}`);
    expect([response.status, response.headers.get("x-heddle-reason")]).toEqual([503, "app-unreachable"]);
  });

  test("an app that does not answer in time is a 504", async () => {
    const { url } = await pair(() => undefined, { requestTimeoutMs: 200 });
    const response = await fetch(url);
    expect([response.status, response.headers.get("x-heddle-reason")]).toEqual([504, "request-timeout"]);
  });

  test("an app that breaks off its answer cuts off the caller's", async () => {
    const { client } = await pair((_request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("part");
      setTimeout(() => response.destroy(), 20);
    });
    const answer = await raw(client.port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(answer).toContain("content-length: 100");
  });

  test("an app that speaks nonsense is a 502", async () => {
    const { createServer: createTcp } = await import("node:net");
    const app = createTcp((socket) => socket.end("this is not HTTP\r\n\r\n")).listen(0, "127.0.0.1");
    await new Promise((resolve) => app.once("listening", resolve));
    stops.push(() => app.close());
    const server = startServerSide((app.address() as AddressInfo).port);
    const client = startClientSide({ endpoints: [endpointAt(server.port)] });
    const response = await fetch(`http://127.0.0.1:${client.port}`);
    expect([response.status, response.headers.get("x-heddle-reason")]).toEqual([502, "upstream-protocol-error"]);
  });

  test("a caller that leaves ends the work at the app", async () => {
    let isClosed = false;
    const { client, app } = await pair((request) => {
      request.on("close", () => {
        isClosed = true;
      });
    });
    const socket = connectTcp(client.port, "127.0.0.1", () => socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    await new Promise((resolve) => app.server.once("request", resolve));
    socket.destroy();
    for (let wait = 0; wait < 100 && !isClosed; wait++) await Bun.sleep(10);
    expect(isClosed).toBe(true);
  });

  test("a request that could be read in two ways is refused and goes nowhere", async () => {
    let reached = 0;
    const { client } = await pair((_request, response) => {
      reached++;
      response.end();
    });
    const answer = await raw(
      client.port,
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    expect(answer).toStartWith("HTTP/1.1 400 Bad Request\r\n");
    expect(answer).toContain("x-heddle-reason: downstream-protocol-error");
    expect(reached).toBe(0);
  });

  test("a kept connection that the app closes costs no request", async () => {
    const { url, app } = await pair((_request, response) => response.end("ok"));
    app.server.keepAliveTimeout = 1;
    for (let turn = 0; turn < 30; turn++) {
      expect((await fetch(url)).status).toBe(200);
      await Bun.sleep(turn % 7);
    }
  });
});

test("certificates rotate on both sides under load without a failed request", async () => {
  const { url, client, server } = await pair((_request, response) => setTimeout(() => response.end("ok"), 2));
  let failed = 0;
  let done = 0;
  let isOver = false;
  const workers = Array.from({ length: 16 }, async () => {
    while (!isOver) {
      const response = await fetch(url).catch(() => undefined);
      if (response?.status === 200) done++;
      else failed++;
      await response?.text();
    }
  });
  for (let turn = 0; turn < 10; turn++) {
    await Bun.sleep(30);
    client.proxy.rotate(authority.identity("shop/front"));
    server.proxy.rotate(authority.identity("shop/back"));
  }
  isOver = true;
  await Promise.all(workers);
  expect(failed).toBe(0);
  expect(done).toBeGreaterThan(100);
  await Bun.sleep(50);
  expect(server.proxy.state().peerConnections).toBe(1);
}, 20_000);

test("a server side that drains under load loses no request that another can take", async () => {
  const app = await startApp((_request, response) => setTimeout(() => response.end("ok"), 2));
  const first = startServerSide(app.port);
  const second = startServerSide(app.port);
  const both = [endpointAt(first.port, { instance: "a" }), endpointAt(second.port, { instance: "b" })];
  const client = startClientSide({ endpoints: both });
  let failed = 0;
  let isOver = false;
  const workers = Array.from({ length: 16 }, async () => {
    while (!isOver) {
      const response = await fetch(`http://127.0.0.1:${client.port}`).catch(() => undefined);
      if (response?.status !== 200) failed++;
      await response?.text();
    }
  });
  await Bun.sleep(100);
  client.proxy.update(tablesOf({ endpoints: [both[1] as OutboundEndpoint] }));
  await first.proxy.drain(2000);
  await Bun.sleep(100);
  isOver = true;
  await Promise.all(workers);
  expect(failed).toBe(0);
  expect(first.proxy.state().peerConnections).toBe(0);
}, 20_000);

test("a port that is taken is one clear problem, and nothing stays bound", async () => {
  const app = await startApp(echo);
  const proxy = new WorkloadProxy({
    workload: { namespace: "shop", serviceAccount: "front", instance: "front-1", labels: {} },
    outbound: [{ service: "shop/back", listen: { address: "127.0.0.1", port: app.port }, isEdge: false }],
    recorder: recorderOf("front-1"),
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
  });
  const started = proxy.start(authority.identity("shop/front"), tablesOf({}));
  expect(started.ok ? "" : started.problems[0].code).toBe("HDL_ENGINE_PORT_IN_USE");
});
