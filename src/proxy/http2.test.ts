import { afterEach, describe, expect, test } from "bun:test";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import {
  allow,
  authority,
  endpointAt,
  startApp,
  startClientSide,
  startServerSide,
  stopAll,
  stops,
} from "../../test/fakes/proxy-pair.ts";

afterEach(stopAll);

type Http2Handler = (stream: ServerHttp2Stream, headers: Record<string, string>) => void;

async function startHttp2App(handler: Http2Handler): Promise<number> {
  const server = createServer();
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    handler(stream as ServerHttp2Stream, headers as unknown as Record<string, string>);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function http2Pair(handler: Http2Handler, settings: Parameters<typeof startServerSide>[1] = {}) {
  const server = startServerSide(await startHttp2App(handler), settings);
  const client = startClientSide({ ...settings, endpoints: [endpointAt(server.port)] });
  return { server, client, session: sessionTo(client.port) };
}

function sessionTo(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => undefined);
  stops.push(() => session.destroy());
  return session;
}

interface Answer {
  readonly headers: Record<string, string>;
  readonly trailers: Record<string, string>;
  readonly body: Buffer;
}

function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let headers = {};
    let trailers = {};
    stream.on("response", (got) => {
      headers = got;
    });
    stream.on("trailers", (got) => {
      trailers = got;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => resolve({ headers, trailers, body: Buffer.concat(chunks) }));
    stream.on("error", reject);
  });
}

function echoStream(stream: ServerHttp2Stream, headers: Record<string, string>): void {
  stream.respond(
    { ":status": 200, "x-path": headers[":path"] ?? "", "x-te": headers["te"] ?? "" },
    { waitForTrailers: true },
  );
  stream.on("wantTrailers", () => stream.sendTrailers({ "x-checksum": "abc" }));
  stream.pipe(stream);
}

describe("an app that speaks HTTP/2 with prior knowledge", () => {
  test("is asked in HTTP/2 by a caller that speaks it, trailers and all", async () => {
    const { session } = await http2Pair(echoStream);
    const stream = session.request({ ":method": "POST", ":path": "/a?b=c", te: "trailers" });
    stream.end("hello");
    const { headers, trailers, body } = await answerOf(stream);
    expect(headers).toMatchObject({ ":status": 200, "x-path": "/a?b=c", "x-te": "trailers" });
    expect(trailers["x-checksum"]).toBe("abc");
    expect(body.toString()).toBe("hello");
  });

  test("may be declared, and then answers callers in HTTP/1.1 too", async () => {
    const { client } = await http2Pair(echoStream, { protocol: "http2" });
    const response = await fetch(`http://127.0.0.1:${client.port}/x`, { method: "POST", body: "hi" }).catch(String);
    // What the service declares holds for its callers: HTTP/1.1 is not sniffed away.
    expect(response).toBeInstanceOf(Response);
    expect(await (response as Response).text()).toBe("hi");
  });

  test("carries a hundred streams of one connection at once", async () => {
    const { session } = await http2Pair((stream, headers) => {
      setTimeout(() => {
        stream.respond({ ":status": 200 });
        stream.end(headers[":path"]);
      }, Math.random() * 5);
    });
    const bodies = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const answer = await answerOf(session.request({ ":path": `/${index}` }));
        return answer.body.toString();
      }),
    );
    expect(bodies).toEqual(Array.from({ length: 100 }, (_, index) => `/${index}`));
  });

  test("streams eight MiB both ways within its windows", async () => {
    const { session } = await http2Pair(echoStream);
    const sent = Buffer.alloc(8 * 1024 * 1024, "0123456789abcdef");
    const stream = session.request({ ":method": "POST", ":path": "/" });
    stream.end(sent);
    const { body } = await answerOf(stream);
    expect(body.equals(sent)).toBe(true);
  });

  test("is not asked what a policy forbids", async () => {
    let asked = 0;
    const policies = [allow("test.example/ns/shop/sa/front", ["GET"])];
    const { session } = await http2Pair(
      (stream) => {
        asked++;
        stream.respond({ ":status": 200 });
        stream.end();
      },
      { policies },
    );
    const denied = await answerOf(session.request({ ":method": "POST", ":path": "/" }).end());
    expect(denied.headers).toMatchObject({ ":status": 403, "x-heddle-reason": "policy-denied" });
    const grpc = session.request({
      ":method": "POST",
      ":path": "/a.B/C",
      "content-type": "application/grpc",
      te: "trailers",
    });
    const told = await answerOf(grpc.end());
    expect(told.headers).toMatchObject({ ":status": 200, "grpc-status": "7" });
    expect(told.headers["grpc-message"]).toContain("AuthorizationPolicy/shop/back-callers");
    expect(asked).toBe(0);
  });

  test("hears that its caller went away", async () => {
    const closed = Promise.withResolvers<number>();
    const { session } = await http2Pair((stream) => stream.on("close", () => closed.resolve(stream.rstCode)));
    const stream = session.request({ ":path": "/" });
    stream.on("error", () => undefined);
    setTimeout(() => stream.close(8), 50);
    expect(await closed.promise).toBe(8);
  });
});

describe("gRPC", () => {
  test("goes to the app in HTTP/2 whoever asks, and its status is what is counted", async () => {
    const { session, client, server } = await http2Pair((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "14", "grpc-message": "gone" }));
      stream.end();
    });
    const stream = session.request({
      ":method": "POST",
      ":path": "/a.B/C",
      "content-type": "application/grpc",
      te: "trailers",
    });
    const { trailers } = await answerOf(stream.end());
    expect(trailers).toMatchObject({ "grpc-status": "14", "grpc-message": "gone" });
    await Bun.sleep(20);
    const told = client.recorder.takeBatch(Date.now());
    expect(told?.samples[0]).toMatchObject({ status: 503, endReason: "completed" });
    expect(told?.series).toMatchObject([{ status: 503, grpcStatus: 14 }]);
    expect(server.recorder.takeBatch(Date.now())?.series).toMatchObject([{ status: 503, grpcStatus: 14 }]);
  });

  test("waits no longer than its caller does", async () => {
    const { session } = await http2Pair(() => undefined);
    const startedMs = performance.now();
    const stream = session.request({
      ":method": "POST",
      ":path": "/a.B/C",
      "content-type": "application/grpc",
      "grpc-timeout": "200m",
    });
    const { headers } = await answerOf(stream.end());
    expect(headers).toMatchObject({ "grpc-status": "14" });
    expect(performance.now() - startedMs).toBeLessThan(1000);
  });
});

test("a caller in HTTP/2 reaches an app that declares HTTP/1.1", async () => {
  const app = await startApp((request, response) => response.end(`${request.httpVersion} ${request.url}`));
  const server = startServerSide(app.port, { protocol: "http1" });
  const client = startClientSide(
    { endpoints: [endpointAt(server.port)], protocol: "http" },
    authority.identity("shop/front"),
  );
  const { body } = await answerOf(sessionTo(client.port).request({ ":path": "/x" }));
  expect(body.toString()).toBe("1.1 /x");
});

test("connections that have carried as many requests as they may are replaced, and no request is lost", async () => {
  const limits = { requestsPerConnectionMax: 3 };
  const { session } = await http2Pair(
    (stream, headers) => {
      setTimeout(() => {
        stream.respond({ ":status": 200 });
        stream.end(headers[":path"]);
      }, 5);
    },
    { limits },
  );
  const ask = async (index: number): Promise<string> => {
    const stream = session.request({ ":method": "POST", ":path": `/${index}` });
    return (await answerOf(stream.end("body"))).body.toString();
  };
  for (let index = 0; index < 10; index++) expect(await ask(index)).toBe(`/${index}`);
  const many = await Promise.all(Array.from({ length: 40 }, (_, index) => ask(index)));
  expect(many).toEqual(many.map((_, index) => `/${index}`));
});
