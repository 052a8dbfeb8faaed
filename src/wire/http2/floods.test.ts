import { describe, expect, test } from "bun:test";
import type { FieldList } from "#wire/fields";
import { H2_ERROR, type Http2Limits, Http2Session, type Http2Sink } from "./index.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const GET: FieldList = [":method", "GET", ":scheme", "https", ":path", "/a", ":authority", "shop"];
const POST: FieldList = [":method", "POST", ":scheme", "https", ":path", "/a", ":authority", "shop"];
const MEGABYTE = 1024 * 1024;

interface Watched {
  readonly session: Http2Session;
  /** Code of the close, if there was one. */
  readonly closes: number[];
  readonly requests: number[];
}

interface Owner {
  readonly limits?: Partial<Http2Limits>;
  readonly nowMs?: () => number;
  /** What is done with a request; nothing unless given. */
  readonly answer?: (session: Http2Session, stream: number) => void;
}

function watched(role: "client" | "server", { limits, nowMs, answer }: Owner = {}): Watched {
  const closes: number[] = [];
  const requests: number[] = [];
  const sink: Http2Sink = {
    onOutputPending: () => undefined,
    onHeaders: (stream, _fields, _endStream, kind) => {
      if (kind !== "request") return;
      requests.push(stream);
      answer?.(session, stream);
    },
    onData: (stream, data) => session.consumed(stream, data.length),
    onReset: () => undefined,
    onWritable: () => undefined,
    onGoaway: () => undefined,
    onPong: () => undefined,
    onClose: (code) => closes.push(code),
  };
  const session = new Http2Session({ role, sink, ...(limits && { limits }), ...(nowMs && { nowMs }) });
  return { session, closes, requests };
}

function carry(from: Watched, to: Watched): void {
  const bytes = Buffer.from(from.session.pendingOutput());
  from.session.outputTaken(bytes.length);
  to.session.read(bytes);
}

function pair(server: Owner = {}) {
  const both = { client: watched("client"), server: watched("server", server) };
  carry(both.client, both.server);
  carry(both.server, both.client);
  return both;
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const SETTINGS = frame(4, 0, 0);
/** GET, https, `/` and an empty authority by the static table. */
const HEAD = Buffer.from([0x82, 0x87, 0x84, 0x01, 0x00]);
const head = (stream: number, flags = 5): Buffer => frame(1, flags, stream, HEAD);

/** How many of the frames a server reads before it ends the connection for them; its output is never read. */
function framesBorne(
  make: (index: number) => Uint8Array,
  owner: Owner = {},
): { readonly borne: number; readonly server: Watched } {
  const server = watched("server", owner);
  server.session.read(Buffer.concat([PREFACE, SETTINGS]));
  let borne = 0;
  while (server.session.state !== "closed" && borne < 300_000) server.session.read(Buffer.from(make(borne++)));
  return { borne, server };
}

describe("a flood ends with its connection, and holds little until then", () => {
  const opened = (rest: (index: number) => Uint8Array) => (index: number) => (index === 0 ? head(1, 4) : rest(index));
  const answered = (session: Http2Session, stream: number): void =>
    session.sendHeaders(stream, [":status", "204"], true);
  const cases: readonly [string, number, (index: number) => Uint8Array, Owner][] = [
    ["PING", 1001, () => frame(6, 0, 0, Buffer.alloc(8)), {}],
    ["answers to PINGs that were not sent", 1001, () => frame(6, 1, 0, Buffer.alloc(8)), {}],
    ["SETTINGS", 1001, () => SETTINGS, {}],
    ["answers to SETTINGS that were not sent", 1001, () => frame(4, 1, 0), {}],
    ["a frame of many settings", 1, () => frame(4, 0, 0, Buffer.alloc(33 * 6)), {}],
    ["PRIORITY", 1001, () => frame(2, 0, 1, Buffer.alloc(5)), {}],
    ["frames of an unknown type", 1001, () => frame(77, 0, 0, Buffer.alloc(100)), {}],
    ["empty DATA", 1001, opened(() => frame(0, 0, 1)), {}],
    ["DATA that is all padding", 1001, opened(() => frame(0, 8, 1, Buffer.from([1, 0]))), {}],
    ["WINDOW_UPDATE of a stream", 1001, opened(() => frame(8, 0, 1, uint32(1))), {}],
    ["WINDOW_UPDATE of the connection", 1001, () => frame(8, 0, 0, uint32(1)), {}],
    ["rapid reset", 2049, (index) => Buffer.concat([head(index * 2 + 1), frame(3, 0, index * 2 + 1, uint32(8))]), {}],
    [
      "rapid reset of requests that have had an interim answer",
      2049,
      (index) => Buffer.concat([head(index * 2 + 1), frame(3, 0, index * 2 + 1, uint32(8))]),
      { answer: (session, stream) => session.sendHeaders(stream, [":status", "103"], false) },
    ],
    [
      "resets that the peer makes us send",
      2049,
      (index) => Buffer.concat([head(index * 2 + 1, 4), frame(8, 0, index * 2 + 1, uint32(0))]),
      {},
    ],
    ["malformed requests", 2049, (index) => frame(1, 5, index * 2 + 1, Buffer.from([0x82])), {}],
    [
      "rapid reset, paid for with small DATA",
      2049,
      (index) => {
        const id = index * 2 + 1;
        const data = new Array<Buffer>(8).fill(frame(0, 0, id, Buffer.alloc(1)));
        return Buffer.concat([head(id, 4), ...data, frame(3, 0, id, uint32(8))]);
      },
      {},
    ],
    ["requests beyond what may be open", 1024 + 2049, (index) => head(index * 2 + 1, 4), {}],
    [
      "RST_STREAM of a closed stream",
      1001 + 2 + 16,
      (index) => (index === 0 ? head(1) : frame(3, 0, 1, uint32(8))),
      { answer: answered },
    ],
    [
      "WINDOW_UPDATE of a closed stream",
      1002,
      (index) => (index === 0 ? head(1) : frame(8, 0, 1, uint32(1))),
      { answer: answered },
    ],
    ["HEADERS of a closed stream", 1002, (index) => (index === 0 ? head(1) : head(1)), { answer: answered }],
    ["empty DATA of a closed stream", 1002, (index) => (index === 0 ? head(1) : frame(0, 0, 1)), { answer: answered }],
  ];
  test.each(cases)("%s", (_name, most, make, owner) => {
    const { borne, server } = framesBorne(make, owner);
    expect(server.closes).toEqual([H2_ERROR.ENHANCE_YOUR_CALM]);
    expect(borne).toBeLessThanOrEqual(most);
    expect(server.session.openStreams).toBe(0);
    expect(server.session.pendingOutput().length).toBeLessThan(64 * 1024);
  });

  test("a header block in frames without end, empty or full", () => {
    for (const part of [Buffer.alloc(0), Buffer.alloc(16_384)]) {
      const { borne, server } = framesBorne((index) => (index === 0 ? frame(1, 0, 1, HEAD) : frame(9, 0, 1, part)));
      expect(server.closes).toEqual([H2_ERROR.ENHANCE_YOUR_CALM]);
      expect(borne).toBeLessThanOrEqual(10);
    }
  });

  test("questions whose answers are not read, paid for with DATA", () => {
    const part = Buffer.concat([frame(6, 0, 0, Buffer.alloc(8)), frame(0, 0, 1, Buffer.alloc(1))]);
    const { server } = framesBorne((index) => (index === 0 ? head(1, 4) : part));
    expect(server.closes).toEqual([H2_ERROR.ENHANCE_YOUR_CALM]);
    expect(server.session.pendingOutput().length).toBeLessThan(2.1 * MEGABYTE);
  });

  test("requests whose answers are not read", () => {
    const large: FieldList = [":status", "200", "x-large", "v".repeat(4000)];
    const { server } = framesBorne((index) => head(index * 2 + 1), {
      answer: (session, stream) => session.sendHeaders(stream, large, true),
    });
    expect(server.closes).toEqual([H2_ERROR.ENHANCE_YOUR_CALM]);
    expect(server.session.pendingOutput().length).toBeLessThan(2.1 * MEGABYTE);
  });
});

test("a header bomb, by names and values that the table holds, ends its connection", () => {
  const big = Buffer.concat([Buffer.from([0x40, 1, 0x78, 0x7f, 0x81, 0x1e]), Buffer.alloc(4000, "v")]);
  const block = Buffer.concat([HEAD, big, Buffer.alloc(2000, 0xbe)]);
  const { borne, server } = framesBorne((index) => frame(1, 5, index * 2 + 1, block));
  expect(borne).toBe(1);
  expect(server.closes).toEqual([H2_ERROR.ENHANCE_YOUR_CALM]);
  expect(server.requests).toEqual([]);
});

test("a peer that never gives credit is sent what its windows held, and nothing is kept for it", () => {
  const server = watched("server", {
    answer: (session, stream) => {
      session.sendHeaders(stream, [":status", "200"], false);
      session.sendData(stream, Buffer.alloc(MEGABYTE), true);
    },
  });
  server.session.read(Buffer.concat([PREFACE, frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]))]));
  for (let index = 0; index < 500; index++) server.session.read(head(index * 2 + 1));
  expect(server.session.openStreams).toBe(500);
  expect(server.session.pendingOutput().length).toBeLessThan(16 * 1024);
  expect(server.closes).toEqual([]);
});

describe("honest use is no flood", () => {
  test("a long answer whose reader gives credit at once, while its sender never waits", () => {
    const { client, server } = pair();
    const id = client.session.openStream(GET, true);
    carry(client, server);
    server.session.sendHeaders(id, [":status", "200"], false);
    for (let part = 0; part < 30_000; part++) {
      expect(server.session.sendData(id, Buffer.alloc(16_384), false)).toBe(16_384);
      carry(server, client);
      carry(client, server);
    }
    expect([client.closes, server.closes]).toEqual([[], []]);
  });

  test("a reader that gives credit for each small message, to the stream and to the connection", () => {
    const { client, server } = pair();
    const id = client.session.openStream(GET, true);
    carry(client, server);
    server.session.sendHeaders(id, [":status", "200"], false);
    for (let part = 0; part < 5000; part++) {
      server.session.sendData(id, Buffer.alloc(5), false);
      server.session.read(Buffer.concat([frame(8, 0, id, uint32(5)), frame(8, 0, 0, uint32(5))]));
      server.session.outputTaken(server.session.pendingOutput().length);
    }
    expect(server.closes).toEqual([]);
  });

  test("a connection that is asked every ten seconds for a day whether it lives", () => {
    let nowMs = 0;
    const { server } = framesBorne(() => SETTINGS, { nowMs: () => nowMs, limits: { idleFrameCredit: 2000 } });
    expect(server.closes).toEqual([H2_ERROR.ENHANCE_YOUR_CALM]);
    const idle = watched("server", { nowMs: () => nowMs });
    idle.session.read(Buffer.concat([PREFACE, SETTINGS]));
    for (; nowMs < 86_400_000; nowMs += 10_000) {
      idle.session.read(frame(6, 0, 0, Buffer.alloc(8)));
      idle.session.outputTaken(idle.session.pendingOutput().length);
    }
    expect(idle.closes).toEqual([]);
  });

  test("all callers of a slow app giving up at once", () => {
    const { client, server } = pair();
    for (let round = 0; round < 2; round++) {
      const ids = Array.from({ length: 1024 }, () => client.session.openStream(GET, true));
      carry(client, server);
      for (const id of ids) client.session.reset(id, H2_ERROR.CANCEL);
      carry(client, server);
    }
    expect(server.requests).toHaveLength(2048);
    expect(server.closes).toEqual([]);
  });

  test("two requests given up of three", () => {
    const { client, server } = pair({
      answer: (session, stream) => stream % 3 === 0 && session.sendHeaders(stream, [":status", "204"], true),
    });
    for (let round = 0; round < 10_000; round++) {
      const id = client.session.openStream(round % 2 === 0 ? GET : POST, true);
      carry(client, server);
      if (id % 3 !== 0) client.session.reset(id, H2_ERROR.CANCEL);
      carry(client, server);
      carry(server, client);
    }
    expect(server.closes).toEqual([]);
  });
});
