import { afterEach, expect, test } from "bun:test";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { H2_ERROR, Http2Session } from "#wire/http2";
import {
  endpointAt,
  raw,
  startClientSide,
  startServerSide,
  stopAll,
  stops,
} from "../../../../test/fakes/proxy-pair.ts";

afterEach(stopAll);

async function listening(onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    stops.push(() => socket.destroy());
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Answers each head that it does not refuse at once and in full, and never ends a stream for its caller. */
function answersEarly(
  socket: Socket,
  watch: (session: Http2Session) => void,
  refuses: () => boolean = () => false,
): void {
  const flush = (): void => {
    socket.write(Buffer.from(session.pendingOutput()));
    session.outputTaken(session.pendingOutput().length);
  };
  const session = new Http2Session({
    role: "server",
    limits: { concurrentStreamsMax: 4 },
    sink: {
      onOutputPending: () => undefined,
      onHeaders: (stream, fields, _endStream, kind) => {
        if (kind !== "request") return;
        if (refuses()) return session.reset(stream, H2_ERROR.REFUSED_STREAM);
        session.sendHeaders(stream, [":status", fields.includes(":protocol") ? "403" : "200"], false);
        session.sendData(stream, Buffer.from("enough"), true);
      },
      onData: (stream, data) => session.consumed(stream, data.length),
      onReset: () => undefined,
      onWritable: () => undefined,
      onGoaway: () => undefined,
      onPong: () => undefined,
      onClose: () => undefined,
    },
  });
  watch(session);
  socket.on("data", (bytes) => {
    session.read(bytes as Buffer);
    flush();
  });
  flush();
}

const UPGRADE = "GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";
const UNFINISHED = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nsome";

test.each([
  ["a request", UNFINISHED, "HTTP/1.1 200 "],
  ["an upgrade", UPGRADE, "HTTP/1.1 403 "],
])("an app that answers before the end of %s is told that the rest will not come", async (_name, text, status) => {
  let last: Http2Session | undefined;
  const app = await listening((socket) =>
    answersEarly(socket, (session) => {
      last = session;
    }),
  );
  const server = startServerSide(app, { protocol: "http2" });
  const client = startClientSide({ endpoints: [endpointAt(server.port)], protocol: "http2" });
  for (let round = 0; round < 20; round++) expect(await raw(client.port, text, "enough")).toStartWith(status);
  await Bun.sleep(50);
  expect(last?.openStreams).toBe(0);
});

test("an app that is said to speak HTTP/2 and does not is found out", async () => {
  const app = await listening((socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")));
  const server = startServerSide(app, { protocol: "http2" });
  const client = startClientSide({ endpoints: [endpointAt(server.port)], protocol: "http2" });
  const answer = await raw(client.port, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n", "\r\n\r\n");
  expect(answer).toContain("HTTP/1.1 502 ");
  expect(answer).toContain("x-heddle-reason: upstream-protocol-error");
});

test("an app that accepts connections and says nothing is not waited for longer than its caller does", async () => {
  const app = await listening(() => undefined);
  const server = startServerSide(app, { protocol: "http2", requestTimeoutMs: 200 });
  const client = startClientSide({ endpoints: [endpointAt(server.port)], protocol: "http2" });
  // A method that is asked once: three times as long the app would have been given up already.
  const answer = await raw(client.port, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n", "\r\n\r\n");
  expect(answer).toContain("x-heddle-reason: request-timeout");
});

test("a request that an app refuses unread is asked again, whatever its method", async () => {
  let asked = 0;
  const app = await listening((socket) =>
    answersEarly(
      socket,
      () => undefined,
      () => ++asked === 1,
    ),
  );
  const server = startServerSide(app, { protocol: "http2" });
  const client = startClientSide({ endpoints: [endpointAt(server.port)], protocol: "http2" });
  const answer = await fetch(`http://127.0.0.1:${client.port}/`, { method: "POST", body: "once" });
  expect(await answer.text()).toBe("enough");
  expect(asked).toBe(2);
});

test("an app that takes a connection and says nothing is asked anew on another", async () => {
  let connections = 0;
  const app = await listening((socket) => {
    if (++connections > 1) answersEarly(socket, () => undefined);
  });
  const settings = { protocol: "http2", requestTimeoutMs: 300 } as const;
  const server = startServerSide(app, settings);
  const client = startClientSide({ ...settings, endpoints: [endpointAt(server.port)] });
  const ask = async (): Promise<number> => (await fetch(`http://127.0.0.1:${client.port}/`)).status;
  expect(await ask()).toBe(504);
  for (let waits = 0; waits < 30 && connections < 2; waits++) await ask();
  expect(await ask()).toBe(200);
});

test.each([
  ["more fields than are taken", 3000, 20],
  ["fields of more bytes than are taken", 12, 16_000],
])("an answer with %s fails alone", async (_name, count, bytes) => {
  const shared: Socket[] = [];
  const port = await listening((socket) => {
    shared.push(socket);
    const flush = (): void => {
      socket.write(Buffer.from(session.pendingOutput()));
      session.outputTaken(session.pendingOutput().length);
    };
    const large = Array.from({ length: count }, (_, index) => [`x-${index}`, "v".repeat(bytes)]).flat();
    const waiting: number[] = [];
    const answers: Record<string, (stream: number) => void> = {
      "/slow": (stream) => waiting.push(stream),
      "/large": (stream) => session.sendHeaders(stream, [":status", "200", "x-kept", "again", ...large], true),
      "/small": (stream) => session.sendHeaders(stream, [":status", "200", "x-kept", "again"], true),
      "/end": (stream) => {
        for (const each of [...waiting, stream]) session.sendHeaders(each, [":status", "200"], true);
      },
    };
    const session: Http2Session = new Http2Session({
      role: "server",
      sink: {
        onOutputPending: () => undefined,
        onHeaders: (stream, fields) => answers[fields[fields.indexOf(":path") + 1] ?? ""]?.(stream),
        onData: (stream, data) => session.consumed(stream, data.length),
        onReset: () => undefined,
        onWritable: () => undefined,
        onGoaway: () => undefined,
        onPong: () => undefined,
        onClose: () => undefined,
      },
    });
    socket.on("data", (chunk) => {
      session.read(chunk as Buffer);
      flush();
    });
    flush();
  });
  const server = startServerSide(port, { protocol: "http2" });
  const client = startClientSide({ endpoints: [endpointAt(server.port)] });
  const ask = (path: string) => fetch(`http://127.0.0.1:${client.port}${path}`, { method: "POST" });
  const slow = ask("/slow");
  await Bun.sleep(50);
  for (let round = 0; round < 3; round++) {
    const large = await ask("/large");
    expect([large.status, large.headers.get("x-heddle-reason")]).toEqual([502, "upstream-protocol-error"]);
    expect((await ask("/small")).headers.get("x-kept")).toBe("again");
  }
  await ask("/end");
  expect((await slow).status).toBe(200);
  expect(shared.length).toBe(1);
});
