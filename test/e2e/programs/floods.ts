/** What a hostile caller sends. A shot ends its connection, or should; a hold keeps many open and adds a little to each now and then. */
import { frame, PREFACE, requestBlock, uint32 } from "../../fakes/http2-frames.ts";

export interface Flood {
  /** Connections that are held open at once; 0 for shots. */
  readonly held: number;
  /** Connections opened in a second, at the most. */
  readonly perSecond: number;
  /** Sent at once on each connection. */
  readonly first: Buffer;
  /** Sent ten times a second on each that is held. */
  readonly more: Buffer;
}

const NOTHING = Buffer.alloc(0);
const OPENING = Buffer.concat([PREFACE, frame(4, 0, 0)]);
const GET = requestBlock("GET", "/");

const shot = (perSecond: number, ...frames: readonly Buffer[]): Flood => ({
  held: 0,
  perSecond,
  first: Buffer.concat([OPENING, ...frames]),
  more: NOTHING,
});

const hold = (held: number, first: Buffer | string, more: Buffer | string = NOTHING): Flood => ({
  held,
  perSecond: held * 2,
  first: Buffer.from(first as string),
  more: Buffer.from(more as string),
});

const many = (count: number, make: (stream: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => make(index * 2 + 1)));

const openPost = frame(1, 4, 1, requestBlock("POST", "/"));
const bomb = Buffer.concat([
  GET,
  Buffer.from([0x40, 1, 0x78, 0x7f, 0x81, 0x1e]),
  Buffer.alloc(4000, "v"),
  Buffer.alloc(2000, 0xbe),
]);
const NO_WINDOW = frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]));
const LARGE = requestBlock("GET", "/large");

/** Over HTTP/2, to either side. */
export const HTTP2_FLOODS = {
  "rapid reset": shot(
    1,
    many(2200, (stream) => Buffer.concat([frame(1, 5, stream, GET), frame(3, 0, stream, uint32(8))])),
  ),
  CONTINUATION: shot(
    5,
    frame(1, 0, 1, GET),
    many(20, () => frame(9, 0, 1, Buffer.alloc(4096))),
  ),
  SETTINGS: shot(
    5,
    many(1200, () => frame(4, 0, 0)),
  ),
  PING: shot(
    5,
    many(1200, () => frame(6, 0, 0, Buffer.alloc(8))),
  ),
  "empty DATA": shot(
    5,
    openPost,
    many(1200, () => frame(0, 0, 1)),
  ),
  "HPACK bomb": shot(
    5,
    many(20, (stream) => frame(1, 5, stream, bomb)),
  ),
  "window stall": hold(4, Buffer.concat([OPENING, NO_WINDOW, many(25, (stream) => frame(1, 5, stream, LARGE))])),
  "slow head": hold(100, Buffer.concat([OPENING, frame(1, 0, 1, GET.subarray(0, 2))])),
  "slow frame": hold(100, Buffer.concat([OPENING, frame(1, 5, 1, GET).subarray(0, 8)])),
  "slow body": hold(100, Buffer.concat([OPENING, openPost]), frame(0, 0, 1, Buffer.from("x"))),
} as const satisfies Readonly<Record<string, Flood>>;

export const HTTP1_FLOODS = {
  "slow head": hold(100, "GET / HTTP/1.1\r\nhost: back\r\n", "x-a: b\r\n"),
  "slow body": hold(100, "POST / HTTP/1.1\r\nhost: back\r\ncontent-length: 100000\r\n\r\n", "x"),
  "slow chunks": hold(100, "POST / HTTP/1.1\r\nhost: back\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
  "answers unread": hold(5, "GET /large HTTP/1.1\r\nhost: back\r\n\r\n".repeat(50)),
  "endless head": { ...hold(20, `GET / HTTP/1.1\r\nhost: back\r\nx-a: ${"v".repeat(80_000)}`), perSecond: 50 },
} as const satisfies Readonly<Record<string, Flood>>;

/** Only to the mesh side. */
export const TLS_FLOODS = {
  "no handshake": hold(100, Buffer.from([22])),
} as const satisfies Readonly<Record<string, Flood>>;
