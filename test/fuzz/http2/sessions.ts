/**
 * A client session and a server session, joined by two queues of bytes that move when the script says so: what was sent arrives, whole
 * and in order, unless its stream was reset, and neither session finds fault with the other.
 */
import { isDeepStrictEqual } from "node:util";
import type { FieldList } from "#wire/fields";
import { Script } from "../script.ts";
import { pureChecker, type Target } from "../target.ts";
import { drained, type Event, Observed } from "./observed.ts";

export const http2Sessions: Target = {
  name: "http2-sessions",
  share: 2,
  // A long one now and then: credit that leaks away shows after some time only.
  make: (chance) => chance.bytes(20 + chance.int(chance.odds(0.05) ? 6000 : 400)),
  open: () => pureChecker(check),
};

const CANCEL = 8;
/** Rounds in which everything moves; far more than a script's bytes need. */
const ROUNDS_MAX = 2000;
/** The script may let many heads pile up before any moves. */
const LIMITS = { outputBytesMax: 10_000_000, idleFrameCredit: 10_000, resetCredit: 10_000 };
const VALUES = ["", "b", "text/plain", "\xff", "v".repeat(300), "w".repeat(9000)];

/** One direction of one stream. */
class Course {
  /** Still to be sent. */
  unsent = 0;
  sent = 0;
  /** Bytes, heads and end as they arrived. */
  received = 0;
  readonly heads: FieldList[] = [];
  readonly arrived: FieldList[] = [];
  /** The sender has nothing to add. */
  isEnding = false;
  isEndSent = false;
  isEnded = false;
  hasFinalHead = false;
}

interface Stream {
  readonly id: number;
  readonly up: Course;
  readonly down: Course;
  isReset: boolean;
}

type Side = "client" | "server";

class World {
  readonly #script: Script;
  readonly #streams: Stream[] = [];
  readonly #ends: Readonly<Record<Side, Observed>>;
  readonly #wires: Record<Side, Buffer> = { client: Buffer.alloc(0), server: Buffer.alloc(0) };
  problem: string | undefined;

  constructor(script: Script) {
    this.#script = script;
    this.#ends = {
      client: new Observed({ role: "client", limits: LIMITS, onEvent: (event) => this.#onEvent("client", event) }),
      server: new Observed({ role: "server", limits: LIMITS, onEvent: (event) => this.#onEvent("server", event) }),
    };
    // Before its settings are read, a smaller window than the default may be overrun (RFC 9113 §6.9.3).
    for (const side of ["client", "server"] as const) this.#carry(side, Number.MAX_SAFE_INTEGER);
  }

  /** One step of the script. */
  step(): void {
    const side = this.#script.pick<Side>(["client", "server"]);
    switch (this.#script.int(8)) {
      case 0:
      case 1:
        return side === "client" ? this.#open() : this.#answer();
      case 2:
        return this.#add(side);
      case 3:
        return this.#end(side);
      case 4:
        return this.#consume(side, this.#script.int(5000));
      case 5:
        return this.#script.int(6) === 0 ? this.#reset(side) : this.#send(side);
      default:
        return this.#carry(side, 1 + this.#script.int(3000));
    }
  }

  /** Everything moves until nothing does. */
  settle(): void {
    let quiet = 0;
    for (let round = 0; round < ROUNDS_MAX && this.problem === undefined; round++) {
      const before = this.#progress();
      for (const side of ["client", "server"] as const) {
        this.#send(side);
        this.#carry(side, Number.MAX_SAFE_INTEGER);
        this.#consume(side, Number.MAX_SAFE_INTEGER);
      }
      // Credit takes a round of its own to come back.
      quiet = this.#progress() === before ? quiet + 1 : 0;
      if (quiet === 3) return;
    }
    this.problem ??= "stall: the sessions never come to rest";
  }

  verdict(): string | undefined {
    for (const side of ["client", "server"] as const) {
      this.problem ??= this.#ends[side].problemNow();
      const { state } = this.#ends[side].session;
      if (state !== "open")
        this.problem ??= `close: the ${side} is ${state}: ${JSON.stringify(this.#ends[side].events.at(-1))}`;
    }
    for (const stream of this.#streams) {
      if (!stream.isReset) this.problem ??= problemOf(stream.id, stream.up) ?? problemOf(stream.id, stream.down);
    }
    const open = this.#streams.filter((stream) => !stream.isReset && !(stream.up.isEnded && stream.down.isEnded));
    const { openStreams } = this.#ends.server.session;
    if (openStreams > open.length) this.problem ??= `leak: ${openStreams} streams are open instead of ${open.length}`;
    return this.problem;
  }

  #course(stream: Stream, from: Side): Course {
    return from === "client" ? stream.up : stream.down;
  }

  /** A stream that is not reset, if there is one. */
  #some(): Stream | undefined {
    const live = this.#streams.filter((stream) => !stream.isReset);
    return live[this.#script.int(Math.max(1, live.length))];
  }

  #fields(first: FieldList): FieldList {
    const more = Array.from({ length: this.#script.int(4) }, () => ["x-a", this.#script.pick(VALUES)]);
    return [...first, ...more.flat()];
  }

  #open(): void {
    const isWhole = this.#script.int(2) === 0;
    const fields = this.#fields([":method", "POST", ":scheme", "https", ":path", "/", ":authority", "shop"]);
    const { session } = this.#ends.client;
    const id = session.openStream(fields, isWhole);
    if (id === 0) return;
    this.#ends.client.opened(id);
    const up = new Course();
    up.heads.push(fields);
    up.hasFinalHead = true;
    up.isEnding = isWhole;
    up.isEndSent = isWhole;
    this.#streams.push({ id, up, down: new Course(), isReset: false });
  }

  /** An interim head or a final one, of a request that has arrived. */
  #answer(): void {
    const stream = this.#some();
    if (stream === undefined || stream.up.arrived.length === 0 || stream.down.hasFinalHead) return;
    const isInterim = this.#script.int(4) === 0;
    const isWhole = !isInterim && this.#script.int(3) === 0;
    const fields = this.#fields([":status", isInterim ? "103" : "200"]);
    stream.down.heads.push(fields);
    stream.down.hasFinalHead = !isInterim;
    if (isWhole) Object.assign(stream.down, { isEnding: true, isEndSent: true });
    this.#ends.server.session.sendHeaders(stream.id, fields, isWhole);
  }

  /** Some more body. */
  #add(side: Side): void {
    const stream = this.#some();
    if (stream === undefined) return;
    const course = this.#course(stream, side);
    if (course.hasFinalHead && !course.isEnding) course.unsent += this.#script.int(9000);
    this.#push(side, stream);
  }

  /** The body ends, with trailers or without. */
  #end(side: Side): void {
    const stream = this.#some();
    if (stream === undefined) return;
    const course = this.#course(stream, side);
    if (!course.hasFinalHead || course.isEnding) return;
    course.isEnding = true;
    if (course.unsent > 0 || this.#script.int(2) === 0) return this.#push(side, stream);
    const trailers = ["x-sum", this.#script.pick(VALUES)];
    course.heads.push(trailers);
    course.isEndSent = true;
    this.#ends[side].session.sendHeaders(stream.id, trailers, true);
  }

  #reset(side: Side): void {
    const stream = this.#some();
    if (stream === undefined || (side === "server" && stream.up.arrived.length === 0)) return;
    stream.isReset = true;
    this.#ends[side].session.reset(stream.id, CANCEL);
    this.#ends[side].forget(stream.id);
  }

  #send(side: Side): void {
    for (const stream of this.#streams) this.#push(side, stream);
  }

  /** Sends what windows let through; the bytes tell their place in the body. */
  #push(side: Side, stream: Stream): void {
    const course = this.#course(stream, side);
    if (stream.isReset || course.isEndSent || (course.unsent === 0 && !course.isEnding)) return;
    const taken = this.#ends[side].session.sendData(stream.id, patterned(course.sent, course.unsent), course.isEnding);
    course.sent += taken;
    course.unsent -= taken;
    course.isEndSent = course.isEnding && course.unsent === 0;
  }

  #consume(side: Side, most: number): void {
    for (const { id } of this.#streams) {
      const bytes = Math.min(most, this.#ends[side].unconsumed(id));
      if (bytes > 0) this.#ends[side].consume(id, bytes);
    }
  }

  /** Moves bytes from one side to the other. */
  #carry(from: Side, most: number): void {
    const to = from === "client" ? "server" : "client";
    const wire = Buffer.concat([this.#wires[from], drained(this.#ends[from].session)]);
    this.#wires[from] = wire.subarray(most);
    if (wire.length > 0) this.#ends[to].session.read(wire.subarray(0, most));
    this.problem ??= this.#ends[to].problemNow();
  }

  #onEvent(side: Side, [kind, id, part, endStream]: Event): void {
    const stream = this.#streams.find((each) => each.id === id);
    if (stream === undefined) return;
    const course = this.#course(stream, side === "client" ? "server" : "client");
    if (kind === "reset") {
      if (!stream.isReset) this.problem ??= `reset: stream ${stream.id} was reset by nobody`;
    } else if (kind === "writable") this.#push(side, stream);
    else if (kind === "data") {
      const data = part as Buffer;
      if (!data.equals(patterned(course.received, data.length))) this.problem ??= "body: other bytes than were sent";
      course.received += data.length;
      course.isEnded ||= endStream === true;
    } else {
      course.arrived.push(part as FieldList);
      course.isEnded ||= endStream === true;
    }
  }

  #progress(): string {
    return JSON.stringify(
      this.#streams.map(({ up, down }) => [up.sent, up.received, up.isEnded, down.sent, down.received, down.isEnded]),
    );
  }
}

function problemOf(id: number, course: Course): string | undefined {
  const { sent, received, unsent, isEnding, isEnded, heads, arrived } = course;
  if (unsent > 0 || sent !== received) return `stall: stream ${id} had ${received} bytes of ${sent} and ${unsent}`;
  if (isEnding !== isEnded) return `end: stream ${id} ended at one side only`;
  return isDeepStrictEqual(heads, arrived) ? undefined : `heads: stream ${id} had other heads than were sent`;
}

/** Bytes from a place in a body whose every byte depends on its place. */
function patterned(from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) bytes[at] = ((from + at) * 31) >> 3;
  return bytes;
}

function check(input: Buffer): string | undefined {
  const script = new Script(input);
  const world = new World(script);
  while (!script.isOver && world.problem === undefined) world.step();
  world.settle();
  return world.verdict();
}
