import { expect, test } from "bun:test";
import type { StreamSocket } from "#engine/sockets";
import { Http2Session } from "#wire/http2";
import { FakeTime } from "../../test/fakes/time.ts";
import type { ProxyContext } from "./context.ts";
import { Deadlines } from "./deadlines.ts";
import { DEFAULT_PROXY_LIMITS } from "./limits.ts";
import { Link, type LinkStream } from "./link.ts";

const SILENT_MS = 1000;

/** A link to a caller whose kernel takes so many bytes at a time, with one request that is answered with so many. */
function answering(bytes: number, kernelBytes: number, to: "app" | "outside" = "app") {
  const time = new FakeTime();
  const deadlines = new Deadlines(() => time.nowMs(), time);
  deadlines.start();
  const sent: Buffer[] = [];
  let room = kernelBytes;
  let isClosed = false;
  const socket = {
    write(data: Uint8Array): number {
      const taken = Math.min(room, data.length);
      room -= taken;
      sent.push(Buffer.from(data.subarray(0, taken)));
      return taken;
    },
    close: () => {
      isClosed = true;
    },
  } as unknown as StreamSocket;
  const owner: LinkStream = {
    onHeaders: () => undefined,
    onData: () => undefined,
    onReset: () => undefined,
    onWritable: () => undefined,
  };
  const link = new Link(socket, {
    role: "server",
    to,
    context: {
      flusher: { schedule: () => undefined },
      deadlines,
      limits: { ...DEFAULT_PROXY_LIMITS, streamIdleTimeoutMs: SILENT_MS },
    } as unknown as ProxyContext,
    onStream: () => owner,
    onDraining: () => undefined,
    onClosed: () => undefined,
  });
  const received = receiver();
  link.onData(received.opening());
  link.session.sendHeaders(1, [":status", "200"], false);
  link.session.sendData(1, Buffer.alloc(bytes), true);
  const drain = (): void => {
    room = kernelBytes;
    link.onDrain();
  };
  return {
    link,
    drain,
    time,
    isClosed: () => isClosed,
    got: () => received.bytesOf(Buffer.concat(sent.splice(0))),
    mayOpen: received.mayOpen,
  };
}

/** The caller's side of it. */
function receiver() {
  let got = 0;
  const ignore = (): void => undefined;
  const session: Http2Session = new Http2Session({
    role: "client",
    limits: { streamWindowBytes: 1024 * 1024 },
    sink: {
      onOutputPending: ignore,
      onHeaders: ignore,
      onData: (_stream, data) => {
        got += data.length;
      },
      onReset: ignore,
      onWritable: ignore,
      onGoaway: ignore,
      onPong: ignore,
      onClose: ignore,
    },
  });
  return {
    opening: (): Buffer => {
      session.openStream([":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"], true);
      return Buffer.from(session.pendingOutput());
    },
    /** How many streams more than the one there is room for. */
    mayOpen: (): number => {
      let count = 0;
      while (session.openStream([":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"], true) > 0)
        count++;
      return count;
    },
    bytesOf: (bytes: Buffer): number => {
      session.read(bytes);
      return got;
    },
  };
}

test("what is sent last before a gentle end is sent whole, however often the kernel is full", () => {
  const { link, drain, isClosed, got } = answering(100_000, 30_000);
  link.flush();
  link.drain();
  link.release(1);
  expect(isClosed()).toBe(false);
  expect(link.isIdle).toBe(false);
  for (let turn = 0; turn < 10 && !isClosed(); turn++) drain();
  expect(got()).toBe(100_000);
  expect(isClosed()).toBe(true);
});

test("a caller that takes nothing more of it is not waited for for ever", () => {
  const { link, isClosed, time } = answering(100_000, 30_000);
  link.flush();
  link.drain();
  link.release(1);
  time.advance(SILENT_MS / 2);
  expect(isClosed()).toBe(false);
  time.advance(SILENT_MS);
  expect(isClosed()).toBe(true);
});

test("one that is destroyed ends at once", () => {
  const { link, isClosed } = answering(100_000, 30_000);
  link.flush();
  link.drain();
  link.release(1);
  link.destroy();
  expect(isClosed()).toBe(true);
});

test.each([
  ["app", 1024],
  ["outside", 128],
] as const)("a caller that is %s may have %d streams", (to, want) => {
  const { link, got, mayOpen } = answering(0, 100_000, to);
  link.flush();
  got();
  expect(mayOpen()).toBe(want);
});
