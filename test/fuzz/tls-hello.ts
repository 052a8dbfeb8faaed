/** The hello of a TLS connection: read the same however it is cut, and as a reader says who sees it whole and steps through it by hand. */
import { isDeepStrictEqual } from "node:util";
import { ClientHelloReader, type HelloReading } from "#wire/tls-hello";
import { alpn, extension, helloMessage, record, records, serverName } from "../fakes/client-hello.ts";
import { Chance, hashOf } from "./chance.ts";
import { pureChecker, type Target } from "./target.ts";

export const tlsHellos: Target = {
  name: "tls-hello",
  share: 1,
  make: (chance) => {
    const message = helloMessage({
      version: chance.mostly([0x0303, 0x0301, 0x0304, 0x0202], 0.1),
      sessionId: chance.bytes(chance.mostly([32, 0, 33], 0.1)),
      suites: chance.bytes(2 * chance.int(20)),
      compressions: chance.bytes(chance.mostly([1, 2, 0], 0.05)),
      extensions: chance.odds(0.95) ? chance.several(6, () => madeExtension(chance)) : undefined,
      rest: chance.bytes(chance.mostly([0, 1], 0.03)),
    });
    const bytes = records(message, chance.mostly([2 ** 14, 1, 3, 4, 50], 0.5));
    return chance.odds(0.8)
      ? bytes
      : Buffer.concat([bytes, record(chance.bytes(1 + chance.int(20)), chance.pick([20, 22, 23]))]);
  },
  open: () => pureChecker(check),
};

const NAMES = ["shop.example", "a", "SHOP.example", "a..b", "a.", "", "\0", "xn--d1acufc.example", "a".repeat(300)];

function madeExtension(chance: Chance): Buffer {
  if (chance.odds(0.4)) return serverName(chance.mostly(NAMES, 0.4), chance.mostly([0, 1], 0.05));
  if (chance.odds(0.5)) return alpn(...chance.several(4, () => chance.mostly(["h2", "http/1.1", "\xff", ""], 0.4)));
  return extension(chance.int(70), chance.bytes(chance.int(chance.odds(0.02) ? 20_000 : 40)));
}

function check(input: Buffer): string | undefined {
  const whole = new ClientHelloReader().read(input);
  const expected = readNaively(input);
  if (!isDeepStrictEqual(shapeOf(whole), expected)) {
    return `reading: ours ${JSON.stringify(whole)}, expected ${JSON.stringify(expected)}`;
  }
  const parted = readInParts(input);
  return isDeepStrictEqual(parted, whole)
    ? undefined
    : `split: ${JSON.stringify(parted)}, whole ${JSON.stringify(whole)}`;
}

function shapeOf(reading: HelloReading): Naive {
  return reading.state === "hello" ? reading.hello : reading.state;
}

/** The parts are chosen by the input. */
function readInParts(input: Buffer): HelloReading {
  const chance = new Chance(hashOf(input));
  const reader = new ClientHelloReader();
  let reading = reader.read(input.subarray(0, 0));
  for (let at = 0; at < input.length; ) {
    const length = chance.odds(0.3) ? 1 : 1 + chance.int(200);
    reading = reader.read(input.subarray(at, at + length));
    at += length;
  }
  return reading;
}

type Naive = "more" | "not-tls" | { readonly serverName: string | undefined; readonly alpn: readonly string[] };

const BAD = new Error("malformed");
const SHORT = new Error("not all there");

/** Unwraps the records first, then reads the message; exceptions carry the verdict. */
function readNaively(input: Buffer): Naive {
  try {
    return messageIn(input);
  } catch (error) {
    if (error === SHORT) return "more";
    if (error === BAD) return "not-tls";
    throw error;
  }
}

function need(isGood: boolean, otherwise = BAD): void {
  if (!isGood) throw otherwise;
}

function messageIn(input: Buffer): Naive {
  const message: number[] = [];
  for (let at = 0; ; ) {
    const length = headerAt(input, at);
    at += 5;
    for (const end = at + length; at < end; at++) {
      need(at < input.length, SHORT);
      need(at < 16_384);
      message.push(input[at] as number);
      if (isWhole(message)) {
        need(at === end - 1);
        return helloIn(Buffer.from(message.slice(4)));
      }
    }
  }
}

/** The length of the record's fragment. */
function headerAt(input: Buffer, at: number): number {
  for (let place = 0; place < 5; place++) {
    const byte = input[at + place];
    need(byte !== undefined, SHORT);
    need(at + place < 16_384 && byte === ([22, 3][place] ?? byte));
  }
  const length = input.readUInt16BE(at + 3);
  need(length > 0 && length <= 16_384);
  return length;
}

function isWhole(message: readonly number[]): boolean {
  const [type, high = 0, middle = 0, low] = message;
  need(type === 1);
  if (low === undefined) return false;
  const length = high * 65_536 + middle * 256 + low;
  need(length + 9 <= 16_384);
  return message.length === length + 4;
}

function helloIn(body: Buffer): Naive {
  let at = 0;
  const take = (length: number): Buffer => {
    need(at + length <= body.length);
    at += length;
    return body.subarray(at - length, at);
  };
  const sized = (width: number): Buffer => take(take(width).readUIntBE(0, width));
  need(take(2)[0] === 3);
  take(32);
  need(sized(1).length <= 32);
  const suites = sized(2);
  need(suites.length >= 2 && suites.length % 2 === 0);
  need(sized(1).length >= 1);
  const found = { serverName: undefined as string | undefined, alpn: [] as string[] };
  if (at === body.length) return found;
  const extensions = take(2).readUInt16BE();
  need(extensions === body.length - at);
  const types: number[] = [];
  while (at < body.length) {
    const type = take(2).readUInt16BE();
    const data = sized(2).toString("latin1");
    need(!types.includes(type));
    types.push(type);
    if (type === 0) found.serverName = nameIn(data);
    if (type === 16) found.alpn = protocolsIn(data);
  }
  return found;
}

function nameIn(data: string): string {
  const name = data.slice(5);
  const lengths = [name.length + 3, name.length].map((length) => String.fromCharCode(length >> 8, length & 255));
  need(data === `${lengths[0]}\0${lengths[1]}${name}`);
  need(name.length <= 253 && name.split(".").every((label) => /^[A-Za-z0-9_-]+$/.test(label)));
  return name.toLowerCase();
}

function protocolsIn(data: string): string[] {
  const list = data.slice(2);
  need(data.length > 3 && data.startsWith(String.fromCharCode(list.length >> 8, list.length & 255)));
  const protocols: string[] = [];
  for (let at = 0; at < list.length; at += 1 + list.charCodeAt(at)) {
    const length = list.charCodeAt(at);
    need(length > 0 && at + 1 + length <= list.length);
    protocols.push(list.slice(at + 1, at + 1 + length));
  }
  return protocols;
}
