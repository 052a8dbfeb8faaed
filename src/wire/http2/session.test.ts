import { describe, expect, test } from "bun:test";
import { connect, createServer } from "node:http2";
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer, type Socket } from "node:net";
import fc from "fast-check";
import type { FieldList } from "#wire/fields";
import { H2_ERROR, type Http2Limits, Http2Session, type Http2Sink } from "./index.ts";

type Event = readonly [string, ...unknown[]];

interface Recorded {
  readonly session: Http2Session;
  readonly events: Event[];
}

/** A session whose events are written down; data is consumed at once unless `consumes` is false. */
function record(role: "client" | "server", limits: Partial<Http2Limits> = {}, consumes = true): Recorded {
  const events: Event[] = [];
  const sink: Http2Sink = {
    onOutputPending: () => undefined,
    onHeaders: (stream, fields, endStream, kind) => events.push([kind, stream, fields, endStream]),
    onData: (stream, data, endStream) => {
      events.push(["data", stream, data.toString("latin1"), endStream]);
      if (consumes) session.consumed(stream, data.length);
    },
    onReset: (stream, code, byPeer) => events.push(["reset", stream, code, byPeer]),
    onWritable: (stream) => events.push(["writable", stream]),
    onGoaway: (last, code) => events.push(["goaway", last, code]),
    onPong: () => events.push(["pong"]),
    onClose: (code) => events.push(["close", code]),
  };
  const session = new Http2Session({ role, sink, limits });
  return { session, events };
}

function drainOutput(session: Http2Session): Buffer {
  const bytes = Buffer.from(session.pendingOutput());
  session.outputTaken(bytes.length);
  return bytes;
}

/** Carries bytes both ways until neither side has any. */
function exchange(a: Recorded, b: Recorded): void {
  for (let turn = 0; turn < 1000; turn++) {
    const [fromA, fromB] = [drainOutput(a.session), drainOutput(b.session)];
    if (fromA.length + fromB.length === 0) return;
    if (fromA.length > 0) b.session.read(fromA);
    if (fromB.length > 0) a.session.read(fromB);
  }
}

function pair(limits: Partial<Http2Limits> = {}, consumes = true) {
  const client = record("client", limits, consumes);
  const server = record("server", limits, consumes);
  exchange(client, server);
  return { client, server };
}

const GET: FieldList = [":method", "GET", ":scheme", "https", ":path", "/a", ":authority", "shop", "user-agent", "x"];
const POST: FieldList = [":method", "POST", ":scheme", "https", ":path", "/a", ":authority", "shop"];
const OK: FieldList = [":status", "200", "content-type", "text/plain"];

test("a request and its answer, with an interim response, a body and trailers", () => {
  const { client, server } = pair();
  const id = client.session.openStream(POST, false);
  expect(client.session.sendData(id, Buffer.from("hello"), true)).toBe(5);
  exchange(client, server);
  server.session.sendHeaders(id, [":status", "103"], false);
  server.session.sendHeaders(id, OK, false);
  server.session.sendData(id, Buffer.from("world"), false);
  server.session.sendHeaders(id, ["x-sum", "1"], true);
  exchange(client, server);
  expect(server.events).toEqual([
    ["request", 1, POST, false],
    ["data", 1, "hello", true],
  ]);
  expect(client.events).toEqual([
    ["interim", 1, [":status", "103"], false],
    ["response", 1, OK, false],
    ["data", 1, "world", false],
    ["trailers", 1, ["x-sum", "1"], true],
  ]);
  expect([client.session.openStreams, server.session.openStreams]).toEqual([0, 0]);
});

test("repeated fields cost an octet each", () => {
  const { client, server } = pair();
  client.session.openStream(GET, true);
  const first = drainOutput(client.session).length;
  client.session.openStream(GET, true);
  const second = drainOutput(client.session);
  expect(second.length).toBeLessThan(first);
  expect(second.length).toBeLessThan(9 + 10);
  server.session.read(Buffer.alloc(0));
});

test("a body larger than the windows flows only as it is consumed, and arrives whole", () => {
  const { client, server } = pair({ streamWindowBytes: 70_000, connectionWindowBytes: 100_000 }, false);
  const body = Buffer.alloc(300_000, "abcdefghij");
  const id = client.session.openStream(POST, false);
  let sent = 0;
  let received = 0;
  for (let turn = 0; turn < 1000 && received < body.length; turn++) {
    if (sent < body.length) sent += client.session.sendData(id, body.subarray(sent), true);
    expect(sent - received).toBeLessThanOrEqual(70_000);
    exchange(client, server);
    for (const [kind, , data] of server.events.splice(0)) {
      if (kind !== "data") continue;
      received += String(data).length;
      server.session.consumed(id, String(data).length);
    }
    exchange(client, server);
  }
  expect(received).toBe(body.length);
});

test("a stream that nobody consumes does not hold up another", () => {
  const { client, server } = pair({ streamWindowBytes: 1000, connectionWindowBytes: 70_000 }, false);
  const stuck = client.session.openStream(POST, false);
  const moving = client.session.openStream(POST, false);
  expect(client.session.sendData(stuck, Buffer.alloc(5000), true)).toBe(1000);
  expect(client.session.sendData(moving, Buffer.alloc(500), true)).toBe(500);
  exchange(client, server);
  expect(server.events.at(-1)).toMatchObject(["data", moving, expect.any(String), true]);
});

test("an end of stream whose bytes are consumed later gives the connection's window back once", () => {
  const { client, server } = pair({ streamWindowBytes: 65_535, connectionWindowBytes: 65_535 }, false);
  for (let round = 0; round < 20; round++) {
    const id = client.session.openStream(POST, false);
    expect(client.session.sendData(id, Buffer.alloc(30_000), true)).toBe(30_000);
    exchange(client, server);
    server.session.sendHeaders(id, [":status", "204"], true);
    exchange(client, server);
    server.session.consumed(id, 16_384);
    server.session.consumed(id, 30_000 - 16_384);
    exchange(client, server);
  }
  expect(server.events.filter(([kind]) => kind === "close")).toEqual([]);
});

test("a header block longer than a frame is carried by CONTINUATION", () => {
  const { client, server } = pair();
  const long: FieldList = [...GET, "x-long", "v".repeat(40_000)];
  client.session.openStream(long, true);
  exchange(client, server);
  expect(server.events).toEqual([["request", 1, long, true]]);
});

test("a reset by either side is told to the other", () => {
  const { client, server } = pair();
  const first = client.session.openStream(POST, false);
  const second = client.session.openStream(POST, false);
  exchange(client, server);
  client.session.reset(first, H2_ERROR.CANCEL);
  server.session.reset(second, H2_ERROR.INTERNAL_ERROR);
  exchange(client, server);
  expect(server.events.at(-1)).toEqual(["reset", first, H2_ERROR.CANCEL, true]);
  expect(client.events.at(-1)).toEqual(["reset", second, H2_ERROR.INTERNAL_ERROR, true]);
});

test("a client whose identifiers are used up drains: what is open goes on, and nothing more is opened", () => {
  const { client, server } = pair({ streamIdMax: 5 });
  const ids = [1, 2, 3, 4].map(() => client.session.openStream(GET, true));
  expect(ids).toEqual([1, 3, 5, 0]);
  expect(client.session.state).toBe("draining");
  exchange(client, server);
  server.session.sendHeaders(5, [":status", "200"], true);
  exchange(client, server);
  expect(client.events.at(-1)).toEqual(["response", 5, [":status", "200"], true]);
});

test("a draining server finishes what was on its way and then refuses", () => {
  const { client, server } = pair();
  const before = client.session.openStream(GET, true);
  server.session.drain();
  const crossing = client.session.openStream(GET, true);
  exchange(client, server);
  expect(client.session.openStream(GET, true)).toBe(0);
  for (const id of [before, crossing]) server.session.sendHeaders(id, [":status", "204"], true);
  exchange(client, server);
  expect(client.events.filter(([kind]) => kind === "response").length).toBe(2);
  expect(client.events.filter(([kind]) => kind === "reset")).toEqual([]);
  expect(client.session.openStreams).toBe(0);
});

test("a client opens no more streams than the server allows", () => {
  const { client } = pair({ concurrentStreamsMax: 2 });
  expect([1, 2, 3].map(() => client.session.openStream(POST, false))).toEqual([1, 3, 0]);
});

test("a client whose socket is slow opens no more streams, and is not taken for one who floods", () => {
  const { client, server } = pair({ outputBytesMax: 10_000 });
  const large: FieldList = [...POST, "x-large", "v".repeat(2000)];
  const opened = Array.from({ length: 6 }, () => client.session.openStream(large, true));
  expect(opened.map((id) => id > 0)).toEqual([true, true, true, false, false, false]);
  server.session.ping();
  client.session.read(drainOutput(server.session));
  expect(client.session.state).toBe("open");
  exchange(client, server);
  expect(client.session.openStream(large, true)).toBeGreaterThan(0);
});

test("any way to split the bytes gives the same events", () => {
  const client = record("client");
  const id = client.session.openStream(POST, false);
  client.session.sendData(id, Buffer.from("x".repeat(500)), true);
  client.session.openStream([...GET, "x-long", "v".repeat(20_000)], true);
  const bytes = drainOutput(client.session);
  const whole = record("server");
  whole.session.read(bytes);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 40 }), (sizes) => {
      const server = record("server");
      let at = 0;
      for (const size of sizes) {
        server.session.read(bytes.subarray(at, at + size));
        at = Math.min(bytes.length, at + size);
      }
      server.session.read(bytes.subarray(at));
      expect(server.events).toEqual(whole.events);
    }),
  );
});

describe("malformed messages reset their stream and nothing else", () => {
  const cases: readonly [string, FieldList][] = [
    ["no method", [":scheme", "https", ":path", "/"]],
    ["a path without a slash", [":method", "GET", ":scheme", "https", ":path", "a"]],
    ["a line feed in a value", [...GET, "x", "a\nb"]],
    ["a carriage return in a path", [":method", "GET", ":scheme", "https", ":path", "/a\r\nx: y"]],
    ["a blank in a path", [":method", "GET", ":scheme", "https", ":path", "/a HTTP/1.1"]],
    ["an upper-case name", [...GET, "X-A", "b"]],
    ["a colon in a name", [...GET, "a:b", "c"]],
    ["a connection field", [...GET, "connection", "close"]],
    ["a transfer encoding", [...GET, "transfer-encoding", "chunked"]],
    ["te other than trailers", [...GET, "te", "gzip"]],
    ["a pseudo-header after a field", ["x", "y", ...GET]],
    ["a repeated pseudo-header", [":method", "GET", ...GET]],
    ["an unknown pseudo-header", [":x", "y", ...GET]],
    ["host and authority that differ", [...GET, "host", "other"]],
    ["two lengths", [...GET, "content-length", "1", "content-length", "1"]],
    ["a length that is not a number", [...GET, "content-length", "1x"]],
    ["a body promised and not sent", [...GET, "content-length", "5"]],
    ["CONNECT with a length", [":method", "CONNECT", ":authority", "a:1", "content-length", "3"]],
    [
      "an extended CONNECT with a length",
      [
        ":method",
        "CONNECT",
        ":protocol",
        "x",
        ":scheme",
        "https",
        ":path",
        "/",
        ":authority",
        "a",
        "content-length",
        "0",
      ],
    ],
    ["a protocol that is HTTP again", [":method", "CONNECT", ":protocol", "h2c", ":scheme", "https", ":path", "/"]],
    ["a protocol that is a list", [":method", "CONNECT", ":protocol", "x, y", ":scheme", "https", ":path", "/"]],
    ["an authority with user information", [":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a@b"]],
    ["a blank in the authority", [":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a b"]],
    ["a host with a path", [":method", "GET", ":scheme", "https", ":path", "/", "host", "a/b"]],
    ["CONNECT with a path", [":method", "CONNECT", ":authority", "a:1", ":path", "/", ":scheme", "https"]],
  ];
  test.each(cases)("%s", (_name, fields) => {
    const { client, server } = pair();
    const bad = client.session.openStream(fields, true);
    const good = client.session.openStream(GET, true);
    exchange(client, server);
    expect(client.events).toEqual([["reset", bad, H2_ERROR.PROTOCOL_ERROR, true]]);
    expect(server.events).toEqual([["request", good, GET, true]]);
  });
});

test.each(["content-length", "host", "transfer-encoding", ":path"])("a trailer cannot be %s", (name) => {
  const { client, server } = pair();
  const id = client.session.openStream(POST, false);
  client.session.sendHeaders(id, [name, "1"], true);
  exchange(client, server);
  expect(client.events).toEqual([["reset", id, H2_ERROR.PROTOCOL_ERROR, true]]);
  expect(server.events.map(([kind]) => kind)).toEqual(["request", "reset"]);
});

describe("a peer that breaks the rules, or floods, loses its connection", () => {
  const SETTINGS = "000000040000000000";
  const frame = (type: number, flags: number, id: number, payload: string): string =>
    (payload.length / 2).toString(16).padStart(6, "0") +
    type.toString(16).padStart(2, "0") +
    flags.toString(16).padStart(2, "0") +
    id.toString(16).padStart(8, "0") +
    payload;
  const cases: readonly [string, string, number][] = [
    ["DATA first", frame(0, 0, 1, "00"), H2_ERROR.PROTOCOL_ERROR],
    ["DATA on an idle stream", SETTINGS + frame(0, 0, 1, "00"), H2_ERROR.PROTOCOL_ERROR],
    ["DATA on stream 0", SETTINGS + frame(0, 0, 0, "00"), H2_ERROR.PROTOCOL_ERROR],
    ["a frame that is too long", `${SETTINGS}ff0000000000000001`, H2_ERROR.FRAME_SIZE_ERROR],
    ["HEADERS on an even stream", SETTINGS + frame(1, 5, 2, "82"), H2_ERROR.PROTOCOL_ERROR],
    ["an index that does not exist", SETTINGS + frame(1, 5, 1, "fe"), H2_ERROR.COMPRESSION_ERROR],
    ["an interrupted block", SETTINGS + frame(1, 1, 1, "82") + frame(6, 0, 0, "00".repeat(8)), H2_ERROR.PROTOCOL_ERROR],
    ["CONTINUATION without HEADERS", SETTINGS + frame(9, 4, 1, "82"), H2_ERROR.PROTOCOL_ERROR],
    ["padding longer than the frame", SETTINGS + frame(1, 13, 1, "05"), H2_ERROR.PROTOCOL_ERROR],
    ["a push promise", SETTINGS + frame(5, 4, 1, "00000002"), H2_ERROR.PROTOCOL_ERROR],
    ["a window that is too large", `${frame(4, 0, 0, "000480000000")}`, H2_ERROR.FLOW_CONTROL_ERROR],
    ["a window update of nothing", SETTINGS + frame(8, 0, 0, "00000000"), H2_ERROR.PROTOCOL_ERROR],
    [
      "a window update beyond the largest window",
      SETTINGS + frame(8, 0, 0, "7fffffff").repeat(2),
      H2_ERROR.FLOW_CONTROL_ERROR,
    ],
    ["a PING of the wrong length", SETTINGS + frame(6, 0, 0, "00"), H2_ERROR.FRAME_SIZE_ERROR],
    ["PRIORITY of no stream", SETTINGS + frame(2, 0, 0, "0000000000"), H2_ERROR.PROTOCOL_ERROR],
    ["a PING flood", SETTINGS + frame(6, 0, 0, "00".repeat(8)).repeat(1200), H2_ERROR.ENHANCE_YOUR_CALM],
    ["a SETTINGS flood", SETTINGS.repeat(1200), H2_ERROR.ENHANCE_YOUR_CALM],
    ["a PRIORITY flood", SETTINGS + frame(2, 0, 1, "0000000000").repeat(1200), H2_ERROR.ENHANCE_YOUR_CALM],
    [
      "a CONTINUATION flood",
      SETTINGS + frame(1, 0, 1, "82") + frame(9, 0, 1, "").repeat(20),
      H2_ERROR.ENHANCE_YOUR_CALM,
    ],
  ];
  test.each(cases)("%s", (_name, hex, code) => {
    const server = record("server");
    server.session.read(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Buffer.from(hex, "hex")]));
    expect(server.events.at(-1)).toEqual(["close", code]);
    expect(server.session.state).toBe("closed");
  });

  test("PRIORITY of a wrong length is the end of its stream alone", () => {
    const { client, server } = pair();
    const stream = client.session.openStream(POST, false);
    exchange(client, server);
    server.session.read(Buffer.from(frame(2, 0, stream, "00000000"), "hex"));
    expect(server.events.at(-1)).toEqual(["reset", stream, H2_ERROR.FRAME_SIZE_ERROR, false]);
    expect(server.session.state).toBe("open");
  });

  test("interim answers without end", () => {
    const { client, server } = pair();
    const stream = client.session.openStream(GET, true);
    exchange(client, server);
    for (let index = 0; index < 1200; index++) server.session.sendHeaders(stream, [":status", "103"], false);
    client.session.read(drainOutput(server.session));
    expect(client.events.at(-1)).toEqual(["close", H2_ERROR.ENHANCE_YOUR_CALM]);
  });

  test("a preface that is not one", () => {
    const server = record("server");
    server.session.read(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    expect(server.events).toEqual([["close", H2_ERROR.PROTOCOL_ERROR]]);
  });

  test("a header bomb: a small block that decodes to a large list", () => {
    const { client, server } = pair();
    const bomb: FieldList = [...GET];
    for (let copy = 0; copy < 400; copy++) bomb.push("x-bomb", "v".repeat(200));
    client.session.openStream(bomb, true);
    exchange(client, server);
    expect(server.events.at(-1)).toEqual(["close", H2_ERROR.ENHANCE_YOUR_CALM]);
  });

  test("random bytes after a good beginning never throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        const server = record("server");
        const start = Buffer.from(`505249202a20485454502f322e300d0a0d0a534d0d0a0d0a${SETTINGS}`, "hex");
        server.session.read(Buffer.concat([start, noise]));
      }),
      { numRuns: 2000 },
    );
  });
});

/** Joins a session to a socket. */
function attach(socket: Socket, recorded: Recorded): void {
  const flush = (): void => {
    const bytes = drainOutput(recorded.session);
    if (bytes.length > 0) socket.write(bytes);
  };
  socket.on("data", (chunk: Buffer) => {
    recorded.session.read(chunk);
    flush();
  });
  socket.on("error", () => undefined);
  flush();
}

test("Node's client talks to our server", async () => {
  const sessions: Recorded[] = [];
  const listener = createTcpServer((socket) => {
    const server = record("server");
    sessions.push(server);
    attach(socket, server);
    socket.on("data", () => {
      for (const [kind, id, , endStream] of server.events.splice(0)) {
        if ((kind !== "request" && kind !== "data") || endStream !== true) continue;
        server.session.sendHeaders(Number(id), OK, false);
        server.session.sendData(Number(id), Buffer.alloc(20_000, "y"), true);
        socket.write(drainOutput(server.session));
      }
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => listener.once("listening", resolve));
  const client = connect(`http://127.0.0.1:${(listener.address() as AddressInfo).port}`);
  const ask = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const request = client.request({ ":path": "/a", ":method": "POST", "x-a": "b".repeat(100) });
      let length = 0;
      request.on("data", (chunk: Buffer) => {
        length += chunk.length;
      });
      request.on("end", () => resolve(length));
      request.on("error", reject);
      request.end("z".repeat(20_000));
    });
  expect(await Promise.all([ask(), ask(), ask()])).toEqual([20_000, 20_000, 20_000]);
  client.close();
  listener.close();
});

test("our client talks to Node's server", async () => {
  const listener = createServer((request, response) => {
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
    });
    request.on("end", () => {
      response.writeHead(200, { "x-length": String(length) });
      response.end("n".repeat(30_000));
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => listener.once("listening", resolve));
  const client = record("client");
  const socket = connectTcp((listener.address() as AddressInfo).port, "127.0.0.1");
  attach(socket, client);
  const id = client.session.openStream(POST, false);
  client.session.sendData(id, Buffer.alloc(10_000, "q"), true);
  socket.write(drainOutput(client.session));
  for (let wait = 0; wait < 200 && client.session.openStreams > 0; wait++) await Bun.sleep(5);
  const head = client.events.find(([kind]) => kind === "response");
  expect(head?.[2]).toContain("10000");
  expect(
    client.events
      .filter(([kind]) => kind === "data")
      .map(([, , data]) => data)
      .join("").length,
  ).toBe(30_000);
  socket.destroy();
  listener.close();
});
