import { afterEach, describe, expect, test } from "bun:test";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { allow, endpointAt, startClientSide, startServerSide, stopAll, stops } from "../../test/fakes/proxy-pair.ts";

afterEach(stopAll);

async function startTcpApp(onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function tcpPair(onSocket: (socket: Socket) => void, settings: Parameters<typeof startServerSide>[1] = {}) {
  const server = startServerSide(await startTcpApp(onSocket), settings);
  const client = startClientSide({ ...settings, endpoints: [endpointAt(server.port)] });
  return { server, client };
}

function dial(port: number): Socket {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => undefined);
  stops.push(() => socket.destroy());
  return socket;
}

function allOf(socket: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("end", () => resolve(Buffer.concat(chunks)));
    socket.on("close", () => resolve(Buffer.concat(chunks)));
  });
}

function first(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once("data", (chunk: Buffer) => resolve(chunk.toString("latin1")));
    socket.once("close", () => resolve("closed"));
  });
}

for (const protocol of ["tcp", "auto"] as const) {
  describe(`a connection of bytes, ${protocol === "tcp" ? "declared" : "found out"}`, () => {
    test("is carried both ways, and each half ends by itself", async () => {
      const { client } = await tcpPair(
        (socket) => {
          let seen = 0;
          socket.on("data", (chunk: Buffer) => {
            seen += chunk.length;
          });
          // Speaks only after the caller has ended its half.
          socket.on("end", () => socket.end(`got ${seen}`));
        },
        { protocol },
      );
      const socket = dial(client.port);
      const answer = allOf(socket);
      socket.end(Buffer.alloc(300_000, 1));
      expect((await answer).toString()).toBe("got 300000");
    });

    test("may have a server that speaks first", async () => {
      const { client } = await tcpPair(
        (socket) => {
          socket.write("220 ready\r\n");
          socket.on("data", (chunk: Buffer) => socket.write(`250 ${chunk.toString()}`));
        },
        { protocol },
      );
      const startedMs = performance.now();
      const socket = dial(client.port);
      expect(await first(socket)).toBe("220 ready\r\n");
      expect(performance.now() - startedMs).toBeLessThan(500);
      socket.write("EHLO x");
      expect(await first(socket)).toBe("250 EHLO x");
    });

    test("is cut when no policy lets it through, and what decided is recorded", async () => {
      let connections = 0;
      const { client, server } = await tcpPair(
        () => {
          connections++;
        },
        { protocol, policies: [allow("test.example/ns/shop/sa/front", ["GET"])] },
      );
      const socket = dial(client.port);
      socket.write(Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]));
      expect(await first(socket)).toBe("closed");
      await Bun.sleep(20);
      expect(connections).toBe(0);
      expect(server.recorder.takeBatch(Date.now())?.samples[0]).toMatchObject({
        verdict: "deny",
        policy: expect.stringContaining("default-deny"),
      });
      expect(client.recorder.takeBatch(Date.now())?.samples[0]).toMatchObject({
        verdict: "deny",
        endReason: "policy-denied",
      });
    });

    test("is cut when the app is", async () => {
      const { client } = await tcpPair((socket) => socket.once("data", () => socket.resetAndDestroy()), { protocol });
      const socket = dial(client.port);
      socket.write(Buffer.from([1, 2, 3]));
      expect(await first(socket)).toBe("closed");
    });
  });
}

test("a caller that is silent at first and then speaks HTTP is heard as such", async () => {
  const { client, server } = await tcpPair((socket) => {
    socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
  });
  const socket = dial(client.port);
  await Bun.sleep(80);
  socket.write("GET /late HTTP/1.1\r\nhost: a\r\n\r\n");
  expect(await first(socket)).toContain("200 OK");
  await Bun.sleep(20);
  const [only, ...others] = client.recorder.takeBatch(Date.now())?.samples ?? [];
  expect(only).toMatchObject({ method: "GET", path: "/late", status: 200 });
  expect(others).toEqual([]);
  expect(server.recorder.takeBatch(Date.now())?.samples.some(({ path }) => path === "/late")).toBe(true);
});

test("a caller that is silent at first is told in HTTP that nobody is there", async () => {
  const client = startClientSide({ endpoints: [] });
  const socket = dial(client.port);
  const answer = first(socket);
  await Bun.sleep(80);
  socket.write("GET / HTTP/1.1\r\nHost: back\r\n\r\n");
  expect(await answer).toStartWith("HTTP/1.1 503 ");
});

test("many silent connections are given few tunnels, and leave room for those who speak", async () => {
  let tunnels = 0;
  const { client } = await tcpPair((socket) => {
    tunnels++;
    socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
  });
  const silent = Array.from({ length: 300 }, () => dial(client.port));
  for (const endMs = Date.now() + 3000; tunnels < 64 && Date.now() < endMs; ) await Bun.sleep(10);
  await Bun.sleep(100);
  expect(tunnels).toBe(64);
  const speaking = dial(client.port);
  speaking.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  expect(await first(speaking)).toContain("200 OK");
  const [one, other] = [silent[0]!, silent[299]!];
  for (const socket of [one, other]) {
    socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    expect(await first(socket)).toContain("200 OK");
  }
});

test("more tunnels than a connection carries leave room for others", async () => {
  const { client } = await tcpPair((socket) => socket.pipe(socket), { protocol: "tcp" });
  const answers: string[] = [];
  // A few at a time: an app's queue of connections holds no more.
  while (answers.length < 1200) {
    const batch = Array.from({ length: 100 }, (_, index) => {
      const socket = dial(client.port);
      const answer = first(socket);
      socket.write(String(answers.length + index));
      return answer;
    });
    answers.push(...(await Promise.all(batch)));
  }
  expect(answers).toEqual(Array.from({ length: 1200 }, (_, index) => String(index)));
}, 20_000);

test("more at once than a peer is known to allow begin as soon as it has said how many it does", async () => {
  const { client } = await tcpPair((socket) => socket.write("hello"), { protocol: "tcp" });
  const answers = await Promise.all(Array.from({ length: 150 }, () => first(dial(client.port))));
  expect(answers.filter((answer) => answer === "hello")).toHaveLength(150);
});
