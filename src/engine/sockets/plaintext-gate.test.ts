import { afterEach, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import {
  type Admission,
  connectSecure,
  listenSecure,
  type RefusedPeer,
  type SocketEvents,
  type StreamSocket,
} from "#engine/sockets";
import { valueOrThrow } from "#model";
import { fakeAuthority } from "../../../test/fakes/mesh-authority.ts";

const authority = fakeAuthority();
const material = authority.identity("shop/back");
const SILENCE_MS = 1000;

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

interface Heard {
  readonly by: "tls" | "plaintext";
  text: string;
  hasEnded: boolean;
  isClosed: boolean;
  readonly socket: StreamSocket;
}

/** A listener that keeps what its callers say. */
function listener(admission: Admission) {
  const heard: Heard[] = [];
  const refused: RefusedPeer[] = [];
  const hear = (socket: StreamSocket, by: Heard["by"]): SocketEvents => {
    const each: Heard = { by, text: "", hasEnded: false, isClosed: false, socket };
    heard.push(each);
    return {
      onData: (bytes) => {
        each.text += bytes.toString("latin1");
      },
      onDrain: () => undefined,
      onEnd: () => {
        each.hasEnded = true;
      },
      onClose: () => {
        each.isClosed = true;
      },
    };
  };
  const bound = valueOrThrow(
    listenSecure({
      address: "127.0.0.1",
      port: 0,
      material: () => material,
      accept: (socket) => hear(socket, "tls"),
      acceptPlaintext: (socket) => hear(socket, "plaintext"),
      onRefused: (peer) => refused.push(peer),
      handshakeTimeoutMs: 3000,
      handshakesMax: 8,
    }),
  );
  stops.push(() => bound.stop());
  expect(bound.admit(admission)).toBe(true);
  return { bound, heard, refused, port: bound.port };
}

/** A caller that says the bytes, if any, and keeps what it is answered. */
async function caller(port: number, said?: string | Buffer): Promise<{ readonly socket: Socket; answer: string }> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const each = { socket, answer: "" };
  socket
    .on("error", () => undefined)
    .on("data", (bytes) => {
      each.answer += bytes.toString("latin1");
    });
  stops.push(() => socket.destroy());
  await new Promise((resolve) => socket.once("connect", resolve));
  if (said !== undefined) socket.write(said);
  return each;
}

function agent(port: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  connectSecure({
    address: "127.0.0.1",
    port,
    serverName: "back.shop.sa.test.example",
    material: authority.identity("shop/front"),
    accept: (socket) => {
      stops.push(() => socket.destroy());
      socket.write(Buffer.from("in TLS"));
      resolve("open");
      return { onData: () => undefined, onDrain: () => undefined, onEnd: () => undefined, onClose: () => undefined };
    },
    onFailed: (reason, detail) => resolve(`${reason}: ${detail}`),
  });
  return promise;
}

async function until(isSo: () => boolean, withinMs = 3000): Promise<void> {
  for (const endMs = Date.now() + withinMs; !isSo() && Date.now() < endMs; ) await Bun.sleep(5);
  expect(isSo()).toBe(true);
}

const isClosed = ({ socket }: { readonly socket: Socket }): Promise<boolean> =>
  Promise.race([
    new Promise<boolean>((resolve) => {
      if (socket.destroyed || socket.readableEnded) resolve(true);
      socket.once("end", () => resolve(true)).once("close", () => resolve(true));
    }),
    Bun.sleep(1000).then(() => false),
  ]);

const REQUEST = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/** The start of a ClientHello (RFC 8446 §5.1). */
const HELLO = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]);

describe("a listener for TLS only", () => {
  test("refuses plaintext, and says so", async () => {
    const { port, heard, refused } = listener("tls");
    const plain = await caller(port, REQUEST);
    expect(await isClosed(plain)).toBe(true);
    expect(heard).toEqual([]);
    expect(refused).toMatchObject([{ reason: "plaintext", remoteAddress: "127.0.0.1" }]);
  });

  test("closes a caller that leaves in the middle of its handshake", async () => {
    const { port } = listener("tls");
    const left = await caller(port, HELLO);
    left.socket.end();
    expect(await isClosed(left)).toBe(true);
  });

  test("tells when a peer in TLS ends", async () => {
    const { port, heard } = listener("tls");
    expect(await agent(port)).toBe("open");
    await until(() => heard[0]?.text === "in TLS");
    stops.pop()?.();
    await until(() => heard[0]?.isClosed === true);
  });
});

describe("a listener for TLS and plaintext", () => {
  test("tells them apart, and loses no byte of either", async () => {
    const { port, heard, refused } = listener("tls-or-plaintext");
    await caller(port, REQUEST);
    expect(await agent(port)).toBe("open");
    await until(() => heard.length === 2 && heard.every(({ text }) => text !== ""));
    expect(heard.map(({ by, text }) => [by, text])).toEqual([
      ["plaintext", REQUEST],
      ["tls", "in TLS"],
    ]);
    expect(refused).toEqual([]);
  });

  test("lets a silent caller in after a second, as one that waits to be spoken to", async () => {
    const { port, heard } = listener("tls-or-plaintext");
    const atMs = performance.now();
    const silent = await caller(port);
    await until(() => heard.length === 1);
    expect(performance.now() - atMs).toBeGreaterThan(SILENCE_MS - 50);
    heard[0]?.socket.write(Buffer.from("220 ready"));
    await until(() => silent.answer === "220 ready");
  });

  test("passes a handshake that comes late to nobody", async () => {
    const { port, heard, refused } = listener("tls-or-plaintext");
    const late = await caller(port);
    await until(() => heard.length === 1);
    late.socket.write(HELLO);
    expect(await isClosed(late)).toBe(true);
    await until(() => heard[0]?.isClosed === true);
    expect(heard[0]?.text).toBe("");
    expect(refused).toMatchObject([{ reason: "unexpected-tls", remoteAddress: "127.0.0.1" }]);
  });

  test("answers a caller in the clear that has ended its half", async () => {
    const { port, heard } = listener("tls-or-plaintext");
    const half = await caller(port, "ask");
    half.socket.end();
    await until(() => heard[0]?.hasEnded === true);
    heard[0]?.socket.write(Buffer.from("answer"));
    heard[0]?.socket.close();
    await until(() => half.answer === "answer");
  });

  test("hears what it is told to from the next connection on", async () => {
    const { bound, port, heard, refused } = listener("tls-or-plaintext");
    await caller(port, "first");
    await until(() => heard[0]?.text === "first");
    expect(bound.admit("tls")).toBe(true);
    expect(await isClosed(await caller(port, REQUEST))).toBe(true);
    expect(refused).toMatchObject([{ reason: "plaintext" }]);
    expect(heard[0]?.isClosed).toBe(false);
    const silent = await caller(port);
    expect(await agent(port)).toBe("open");
    silent.socket.write(REQUEST);
    expect(await isClosed(silent)).toBe(true);
    expect(refused).toHaveLength(2);
  });
});

test("a listener for plaintext refuses TLS, and says so", async () => {
  const { port, heard, refused } = listener("plaintext");
  await caller(port, REQUEST);
  await until(() => heard[0]?.text === REQUEST);
  expect(await agent(port)).toContain("failed");
  await until(() => refused.length === 1);
  expect(refused).toMatchObject([{ reason: "unexpected-tls" }]);
  expect(heard[1]).toMatchObject({ text: "", isClosed: true });
});
