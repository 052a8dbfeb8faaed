import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { createServer, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import {
  alpn,
  extension,
  type HelloParts,
  helloMessage,
  record,
  records,
  serverName,
} from "../../../test/fakes/client-hello.ts";
import { ClientHelloReader, type HelloReading } from "./index.ts";

/** What a reader says in the end, if the bytes come in parts of this length. */
function readIn(bytes: Uint8Array, partBytes: number): HelloReading {
  const reader = new ClientHelloReader();
  let reading = reader.read(new Uint8Array(0));
  for (let at = 0; at < bytes.length; at += partBytes) reading = reader.read(bytes.subarray(at, at + partBytes));
  return reading;
}

const wholly = (bytes: Uint8Array): HelloReading => readIn(bytes, bytes.length);
const hello = (parts: HelloParts): Buffer => records(helloMessage(parts));
const NAMED = { extensions: [serverName("shop.example"), alpn("h2", "http/1.1")] };

describe("a hello is read", () => {
  const cases: readonly [string, Buffer, string | undefined, readonly string[]][] = [
    ["with a name and protocols", hello(NAMED), "shop.example", ["h2", "http/1.1"]],
    ["without extensions", hello({}), undefined, []],
    ["with an empty list of them", hello({ extensions: [] }), undefined, []],
    [
      "with others that are not looked at",
      hello({ extensions: [extension(43, Buffer.from([2, 3, 4])), serverName("a")] }),
      "a",
      [],
    ],
    ["with a name in capitals", hello({ extensions: [serverName("Shop.EXAMPLE")] }), "shop.example", []],
    [
      "with a name that DNS would not hold but hosts have",
      hello({ extensions: [serverName("my_app-1.local")] }),
      "my_app-1.local",
      [],
    ],
    ["with a protocol of grease", hello({ extensions: [alpn("\x0a\x0a", "h2")] }), undefined, ["\x0a\x0a", "h2"]],
    [
      "of TLS 1.0",
      hello({ ...NAMED, version: 0x0301, sessionId: Buffer.alloc(0) }),
      "shop.example",
      ["h2", "http/1.1"],
    ],
    ["over records of 1 byte", records(helloMessage(NAMED), 1), "shop.example", ["h2", "http/1.1"]],
    ["over records that cut its header", records(helloMessage(NAMED), 3), "shop.example", ["h2", "http/1.1"]],
    ["with much padding", hello({ extensions: [extension(21, Buffer.alloc(15_000)), serverName("a")] }), "a", []],
    [
      "with more behind its record",
      Buffer.concat([hello(NAMED), record(Buffer.from([1]), 20)]),
      "shop.example",
      ["h2", "http/1.1"],
    ],
  ];
  test.each(cases)("%s, whole and in any parts", (_name, bytes, name, protocols) => {
    const want: HelloReading = { state: "hello", hello: { serverName: name, alpn: protocols } };
    for (const part of [bytes.length, 1, 2, 3, 5, 7, 100]) expect(readIn(bytes, part)).toEqual(want);
  });

  test("and not before its last byte", () => {
    const bytes = hello(NAMED);
    for (let length = 0; length < bytes.length; length++) {
      expect(wholly(bytes.subarray(0, length))).toEqual({ state: "more" });
    }
  });
});

describe("what is no hello is refused", () => {
  const twoNames = Buffer.from([0, 0, 1, 0x61, 0, 0, 1, 0x62]);
  const cases: readonly [string, Uint8Array][] = [
    ["HTTP/1.1", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["HTTP/2", Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
    ["SSH", Buffer.from("SSH-2.0-OpenSSH_9.9\r\n")],
    ["SSL 2", Buffer.from([0x80, 46, 1, 3, 1, 0, 3, 0, 0, 0, 16, 1, 0, 0x80])],
    ["an alert", record(Buffer.from([2, 40]), 21)],
    ["a record of a version that never was", record(helloMessage(), 22, 0x0201)],
    ["an empty record", record(Buffer.alloc(0))],
    ["a record longer than records are", Buffer.from([22, 3, 1, 0x40, 1])],
    ["another message", records(Buffer.from([2, 0, 0, 4, 3, 3, 0, 0]))],
    [
      "an alert within the hello",
      Buffer.concat([record(helloMessage().subarray(0, 9)), record(Buffer.from([1, 0]), 21)]),
    ],
    ["a message in the hello's record", record(Buffer.concat([helloMessage(), helloMessage()]))],
    ["a promise of more than 16 KiB", records(Buffer.from([1, 0, 0x40, 0]))],
    [
      "more than 16 KiB, one byte a record",
      records(helloMessage({ extensions: [extension(21, Buffer.alloc(4000))] }), 1),
    ],
    ["a version that is no TLS", hello({ version: 0x0202 })],
    ["a session of 33 bytes", hello({ sessionId: Buffer.alloc(33) })],
    ["no cipher suites", hello({ suites: Buffer.alloc(0) })],
    ["half a cipher suite", hello({ suites: Buffer.alloc(3) })],
    ["no compression", hello({ compressions: Buffer.alloc(0) })],
    ["a byte behind the extensions", hello({ extensions: [], rest: Buffer.from([0]) })],
    ["a byte where extensions are", hello({ rest: Buffer.from([0]) })],
    ["an extension longer than the list", hello({ extensions: [Buffer.from([0, 21, 0, 9, 0])] })],
    ["two names", hello({ extensions: [serverName("a"), serverName("b")] })],
    ["two names in one list", hello({ extensions: [extension(0, Buffer.concat([Buffer.from([0, 8]), twoNames]))] })],
    ["two lists of protocols", hello({ extensions: [alpn("h2"), alpn("h2")] })],
    ["any extension twice", hello({ extensions: [extension(77, Buffer.alloc(1)), extension(77, Buffer.alloc(1))] })],
    ["an empty name", hello({ extensions: [serverName("")] })],
    ["no list of names", hello({ extensions: [extension(0, Buffer.alloc(0))] })],
    ["a name of another type", hello({ extensions: [serverName("a", 1)] })],
    ["a name with NUL", hello({ extensions: [serverName("a\0.example")] })],
    ["a name beyond ASCII", hello({ extensions: [serverName(Buffer.from("ä.example"))] })],
    ["a name that ends in a dot", hello({ extensions: [serverName("a.example.")] })],
    ["a name of 254 letters", hello({ extensions: [serverName("a".repeat(254))] })],
    ["an empty protocol", hello({ extensions: [alpn("h2", "")] })],
    ["no list of protocols", hello({ extensions: [extension(16, Buffer.from([0, 0]))] })],
    ["a byte behind the protocols", hello({ extensions: [extension(16, Buffer.from([0, 3, 2, 0x68, 0x32, 0]))] })],
  ];
  test.each(cases)("%s, whole and in any parts", (_name, bytes) => {
    const want = wholly(bytes);
    expect(want.state).toBe("not-tls");
    for (const part of [1, 2, 3, 5, 100]) expect(readIn(bytes, part)).toEqual(want);
  });

  test("as soon as it can be told", () => {
    const bytesUntil = (bytes: Uint8Array): number => {
      const reader = new ClientHelloReader();
      return bytes.findIndex((byte) => reader.read(Uint8Array.of(byte)).state === "not-tls") + 1;
    };
    expect(bytesUntil(Buffer.from("GET / HTTP/1.1\r\n\r\n"))).toBe(1);
    expect(bytesUntil(records(Buffer.from([2, 0, 0, 4])))).toBe(6);
    expect(bytesUntil(records(Buffer.from([1, 0, 0x40, 0])))).toBe(9);
  });

  test("and stays refused", () => {
    const reader = new ClientHelloReader();
    const refused = reader.read(Buffer.from("GET"));
    expect(reader.read(hello(NAMED))).toBe(refused);
  });
});

/** The first bytes that a client sends to a server that never answers. */
async function firstBytes(dial: (port: number) => (() => void) | Promise<() => void>): Promise<HelloReading> {
  const sockets: Socket[] = [];
  const { promise, resolve } = Promise.withResolvers<HelloReading>();
  const server = createServer((socket) => {
    const reader = new ClientHelloReader();
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      const reading = reader.read(bytes as Buffer);
      if (reading.state !== "more") resolve(reading);
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const end = await dial((server.address() as { port: number }).port);
  try {
    return await Promise.race([promise, Bun.sleep(5000).then((): HelloReading => ({ state: "more" }))]);
  } finally {
    end();
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

function program(command: string, ...args: readonly string[]): () => void {
  const child = spawn(command, args, { stdio: ["pipe", "ignore", "ignore"] });
  return () => void child.kill();
}

/** More than one of the smallest records holds. */
const MANY = Array.from({ length: 100 }, (_, index) => `protocol-${index}`);

describe("what others send is read", () => {
  const read = (name: string | undefined, ...protocols: string[]): HelloReading => ({
    state: "hello",
    hello: { serverName: name, alpn: protocols },
  });
  const programs: readonly [string, string, (port: number) => readonly string[], HelloReading][] = [
    [
      "openssl s_client",
      "openssl",
      (port) => ["s_client", "-connect", `127.0.0.1:${port}`, "-servername", "shop.example", "-alpn", "h2,http/1.1"],
      read("shop.example", "h2", "http/1.1"),
    ],
    [
      "openssl s_client in TLS 1.2, without a name",
      "openssl",
      (port) => ["s_client", "-tls1_2", "-noservername", "-connect", `127.0.0.1:${port}`],
      read(undefined),
    ],
    [
      "openssl s_client with a hello over several records",
      "openssl",
      (port) => ["s_client", "-connect", `127.0.0.1:${port}`, "-max_send_frag", "512", "-alpn", MANY.join(",")],
      read(undefined, ...MANY),
    ],
    [
      "curl",
      "curl",
      (port) => ["-sk", "--http2", "--connect-to", `shop.example:443:127.0.0.1:${port}`, "https://shop.example/"],
      read("shop.example", "h2", "http/1.1"),
    ],
    [
      "Node",
      "node",
      (port) => [
        "-e",
        `require("tls").connect({port:${port},host:"127.0.0.1",servername:"Shop.example",ALPNProtocols:["h2"]})`,
      ],
      read("shop.example", "h2"),
    ],
  ];
  for (const [name, command, args, want] of programs) {
    const isAbsent = Bun.which(command) === null && process.env["HEDDLE_REQUIRE_ALL"] !== "1";
    test.skipIf(isAbsent)(isAbsent ? `${name} (skipped: ${command} is not installed)` : name, async () => {
      expect(await firstBytes((port) => program(command, ...args(port)))).toEqual(want);
    });
  }

  test("an agent, as agents call one another", async () => {
    const dial = (port: number) => {
      const socket = connectTls({ port, host: "127.0.0.1", servername: "back.shop.test", ALPNProtocols: ["h2"] });
      socket.on("error", () => undefined);
      return () => void socket.destroy();
    };
    expect(await firstBytes(dial)).toEqual(read("back.shop.test", "h2"));
  });
});
