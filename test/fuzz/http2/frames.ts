/** HTTP/2 frames from a stranger: whatever they are, a session does not throw, stays within its bounds and tells its owner no nonsense. */
import { isDeepStrictEqual } from "node:util";
import type { FieldList } from "#wire/fields";
import { OutputBuffer } from "#wire/output";
import { HpackEncoder } from "../../../src/wire/http2/hpack/encoder.ts";
import { type Chance, hashOf } from "../chance.ts";
import { pieces } from "../http1/read.ts";
import { pureChecker, type Target } from "../target.ts";
import { drained, type Event, Observed, SMALL_LIMITS } from "./observed.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** What the first byte of an input decides. */
const IS_CLIENT = 1;
const IS_READ = 2;
const HAS_NO_START = 4;
const CONSUMES = 8;
/** Streams that a client has opened when the frames come. */
const ASKED = 6;
/** The frame that passes the bound is answered, and the farewell follows. */
const OUTPUT_MAX = SMALL_LIMITS.outputBytesMax + 2000;

export const http2Frames: Target = {
  name: "http2-frames",
  share: 3,
  make: makeFrames,
  open: () => pureChecker(checkFrames),
};

const HEADS: readonly FieldList[] = [
  [":method", "GET", ":scheme", "https", ":path", "/", ":authority", "shop"],
  [":method", "POST", ":scheme", "https", ":path", "/a", ":authority", "shop", "content-length", "5"],
  [":method", "HEAD", ":scheme", "https", ":path", "/", ":authority", "shop"],
  [":method", "CONNECT", ":authority", "shop:80"],
  [":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/", ":authority", "shop"],
  [":status", "200", "x-a", "b"],
  [":status", "103"],
  [":status", "204", "content-length", "0"],
  ["x-sum", "1"],
  ["connection", "close"],
];
const SETTINGS = [
  [1, 0],
  [1, 100],
  [2, 1],
  [3, 0],
  [3, 1],
  [4, 0],
  [4, 1],
  [4, 65_535],
  [4, 0x7fffffff],
  [4, 0x80000000],
  [5, 16_384],
  [5, 100_000],
  [5, 1],
  [8, 1],
  [8, 2],
  [99, 5],
] as const;

/** Names and values that only somebody hostile would send. */
const ODD_FIELDS = ["a\r\nb", "A", "a b", ":x", "", "a:", "\0", "x".repeat(3000), "te", "transfer-encoding", "host"];

class FrameMaker {
  readonly #chance: Chance;
  readonly #encoder = new HpackEncoder(512);
  readonly #isClient: boolean;
  #nextStream: number;

  constructor(chance: Chance, isClient: boolean) {
    this.#chance = chance;
    this.#isClient = isClient;
    this.#nextStream = isClient ? 1 + 2 * ASKED : 1;
  }

  first(): Buffer {
    return this.#isClient ? this.settings() : this.#headers();
  }

  next(): Buffer {
    const chance = this.#chance;
    switch (chance.int(12)) {
      case 0:
      case 1:
      case 2:
        return this.#headers();
      case 3:
      case 4:
        return this.#data();
      case 5:
        return frame(3, 0, this.#stream(), uint32(chance.int(14)));
      case 6:
        return this.settings();
      case 7:
        return frame(6, chance.int(2), 0, Buffer.alloc(8));
      case 8:
        return frame(
          8,
          0,
          chance.odds(0.3) ? 0 : this.#stream(),
          uint32(chance.pick([0, 1, 1000, 65_535, 0x7fffffff])),
        );
      case 9:
        return frame(7, 0, 0, Buffer.concat([uint32(chance.int(20)), uint32(chance.int(14))]));
      case 10:
        return frame(2, 0, this.#stream(), Buffer.alloc(5));
      default:
        return frame(chance.int(256), chance.int(256), chance.int(12), chance.bytes(chance.int(40)));
    }
  }

  settings(): Buffer {
    const chance = this.#chance;
    if (chance.odds(0.2)) return frame(4, 1, 0, Buffer.alloc(0));
    const parts = chance.several(4, () => {
      const [id, value] = chance.pick(SETTINGS);
      return Buffer.concat([Buffer.from([0, id]), uint32(value)]);
    });
    return frame(4, 0, 0, Buffer.concat(parts));
  }

  #headers(): Buffer {
    const chance = this.#chance;
    const id = (chance.odds(0.7) || this.#nextStream === 1) && !this.#isClient ? this.#open() : this.#stream();
    const block = this.#block();
    const end = chance.int(2);
    if (chance.odds(0.7)) return frame(1, end | 4, id, block);
    if (chance.odds(0.3))
      return frame(1, end | 4 | 8 | 32, id, Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 1]), block, Buffer.alloc(2)]));
    const cut = chance.int(block.length + 1);
    return Buffer.concat([
      frame(1, end, id, block.subarray(0, cut)),
      ...chance.several(5, () => frame(9, 0, id, Buffer.alloc(0))),
      frame(9, chance.odds(0.9) ? 4 : 0, id, block.subarray(cut)),
    ]);
  }

  #block(): Buffer {
    const chance = this.#chance;
    const fields = [...chance.pick(this.#isClient ? HEADS.slice(5) : chance.odds(0.8) ? HEADS.slice(0, 5) : HEADS)];
    if (chance.odds(0.1)) fields.push(chance.pick(ODD_FIELDS), chance.pick(ODD_FIELDS));
    const output = new OutputBuffer();
    this.#encoder.encode(fields, output);
    return Buffer.from(output.peek());
  }

  #data(): Buffer {
    const chance = this.#chance;
    const id = this.#stream();
    const data = Buffer.alloc(chance.pick([0, 1, 5, 100, 1000, 5000, 16_384]));
    return chance.odds(0.8)
      ? frame(0, chance.int(2), id, data)
      : frame(0, 8 | chance.int(2), id, Buffer.concat([Buffer.from([3]), data.subarray(0, 100), Buffer.alloc(3)]));
  }

  #open(): number {
    const id = this.#nextStream;
    this.#nextStream += this.#chance.odds(0.95) ? 2 : 1 + this.#chance.int(5);
    return id;
  }

  #stream(): number {
    return this.#chance.odds(0.95) ? Math.max(1, this.#nextStream - 2 - 2 * this.#chance.int(5)) : this.#chance.int(30);
  }
}

function makeFrames(chance: Chance): Buffer {
  const mode = chance.int(16) & ~(chance.odds(0.9) ? HAS_NO_START : 0);
  const isClient = (mode & IS_CLIENT) !== 0;
  const maker = new FrameMaker(chance, isClient);
  const frames = [maker.first(), ...Array.from({ length: chance.int(20) }, () => maker.next())];
  // Floods are made of one frame, often.
  if (chance.odds(0.1)) frames.push(...new Array<Buffer>(chance.int(300)).fill(maker.next()));
  return Buffer.concat([Buffer.from([mode]), ...frames]);
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.from([payload.length >> 16, (payload.length >> 8) & 255, payload.length & 255, type, flags]);
  return Buffer.concat([head, uint32(stream), payload]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function checkFrames(input: Buffer): string | undefined {
  const mode = input[0] ?? 0;
  const role = (mode & IS_CLIENT) !== 0 ? "client" : "server";
  const start = role === "server" ? [PREFACE, frame(4, 0, 0, Buffer.alloc(0))] : [frame(4, 0, 0, Buffer.alloc(0))];
  const bytes = Buffer.concat([...((mode & HAS_NO_START) === 0 ? start : []), input.subarray(1)]);
  const whole = readAll([bytes], mode);
  if (typeof whole === "string") return whole;
  const seed = hashOf(input);
  const split = readAll(pieces(bytes, seed % 4 === 0 ? 3 : 2000, seed), mode);
  if (typeof split === "string") return split;
  // An owner whose output is taken meanwhile may send more in between.
  if ((mode & IS_READ) !== 0 || isDeepStrictEqual(split, whole)) return undefined;
  return `events otherwise when split: ${JSON.stringify(split)} instead of ${JSON.stringify(whole)}`;
}

/** The events, or what is wrong. */
function readAll(chunks: readonly Buffer[], mode: number): readonly Event[] | string {
  const isClient = (mode & IS_CLIENT) !== 0;
  const observed: Observed = new Observed({
    role: isClient ? "client" : "server",
    onEvent: (event) => respond(observed, event, mode),
  });
  if (isClient) for (let index = 0; index < ASKED; index++) ask(observed, index);
  for (const chunk of chunks) {
    observed.session.read(chunk);
    const output = observed.session.pendingOutput().length;
    const problem = output > OUTPUT_MAX ? `bound: ${output} bytes of output` : observed.problemNow();
    if (problem !== undefined) return problem;
    if ((mode & IS_READ) !== 0) drained(observed.session);
  }
  // Whatever has happened, an end by this side is an end.
  observed.session.close(0, "over");
  return observed.problemNow() ?? observed.events;
}

function ask(observed: Observed, index: number): void {
  const fields = HEADS[index % 3] as FieldList;
  const isWhole = index % 3 !== 1;
  const stream = observed.session.openStream(fields, isWhole);
  if (stream === 0) return;
  observed.opened(stream);
  if (!isWhole) observed.session.sendData(stream, Buffer.from("hello"), true);
}

/** An owner that answers by the stream's number, and reads or does not. */
function respond(observed: Observed, [kind, id, part]: Event, mode: number): void {
  const { session } = observed;
  const stream = Number(id);
  if (kind === "data" && (mode & CONSUMES) !== 0) observed.consume(stream, (part as Buffer).length);
  if (kind !== "request") return;
  if (stream % 3 === 0) session.sendHeaders(stream, [":status", "204"], true);
  else if (stream % 3 === 1) {
    session.sendHeaders(stream, [":status", "200", "x-stream", String(stream)], false);
    session.sendData(stream, Buffer.alloc(700), stream % 5 !== 1);
  }
}
