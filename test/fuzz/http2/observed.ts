/** A session whose owner writes down what it is told, notes what a session must never do, and answers as it is told to. */
import type { FieldList } from "#wire/fields";
import { type Http2Limits, Http2Session, type MessageKind } from "#wire/http2";

export const SMALL_LIMITS: Http2Limits = {
  concurrentStreamsMax: 8,
  streamWindowBytes: 4096,
  connectionWindowBytes: 70_000,
  headerListBytesMax: 40_000,
  headerBlockBytesMax: 40_000,
  continuationFramesMax: 4,
  headerTableBytes: 512,
  outputBytesHigh: 8192,
  outputBytesMax: 32_768,
  idleFrameCredit: 200,
  resetCredit: 40,
  streamIdMax: 0x7fff_ffff,
};

export type Event = readonly [string, ...unknown[]];

type Phase = "head" | "body" | "ended";

interface Seen {
  phase: Phase;
  unconsumed: number;
}

export interface ObservedOptions {
  readonly role: "client" | "server";
  readonly limits?: Partial<Http2Limits>;
  /** Called after the event has been checked. */
  readonly onEvent?: (event: Event) => void;
}

export class Observed {
  readonly session: Http2Session;
  readonly events: Event[] = [];
  /** What should never have happened, or undefined. */
  problem: string | undefined;
  readonly #streams = new Map<number, Seen>();
  readonly #options: ObservedOptions;
  #isClosed = false;

  constructor(options: ObservedOptions) {
    this.#options = options;
    this.session = new Http2Session({
      role: options.role,
      limits: { ...SMALL_LIMITS, ...options.limits },
      sink: {
        onOutputPending: () => undefined,
        onHeaders: (stream, fields, endStream, kind) => this.#onHeaders({ stream, fields, endStream, kind }),
        onData: (stream, data, endStream) => this.#onData(stream, Buffer.from(data), endStream),
        onReset: (stream, code, byPeer) => this.#onReset(stream, code, byPeer),
        onWritable: (stream) => this.#options.onEvent?.(["writable", stream]),
        onGoaway: (last, code) => this.#note(["goaway", last, code]),
        onPong: () => this.#note(["pong"]),
        onClose: (code) => {
          this.#note(["close", code]);
          this.#isClosed = true;
        },
      },
    });
  }

  /** Opened by this side: answers may come. */
  opened(stream: number): void {
    this.#streams.set(stream, { phase: "head", unconsumed: 0 });
  }

  /** This side ended the stream itself. */
  forget(stream: number): void {
    this.#streams.delete(stream);
  }

  consume(stream: number, bytes: number): void {
    const seen = this.#streams.get(stream);
    if (seen !== undefined) seen.unconsumed -= bytes;
    this.session.consumed(stream, bytes);
  }

  unconsumed(stream: number): number {
    return this.#streams.get(stream)?.unconsumed ?? 0;
  }

  /** What holds between any two calls. */
  problemNow(): string | undefined {
    const { session } = this;
    if (this.problem !== undefined) return this.problem;
    if (session.openStreams > SMALL_LIMITS.concurrentStreamsMax)
      return `bound: ${session.openStreams} streams are open`;
    if ((session.state === "closed") !== this.#isClosed)
      return `state: ${session.state}, but closed: ${this.#isClosed}`;
    if (session.state === "closed" && session.openStreams > 0) return "state: closed with open streams";
    return undefined;
  }

  #onHeaders(head: {
    readonly stream: number;
    readonly fields: FieldList;
    readonly endStream: boolean;
    readonly kind: MessageKind;
  }): void {
    const { stream, fields, endStream, kind } = head;
    const known = this.#streams.get(stream);
    const seen = known ?? { phase: "head", unconsumed: 0 };
    if (known === undefined && kind !== "request") this.#wrong(`order: ${kind} of an unknown stream`);
    const expected: Phase = kind === "trailers" ? "body" : "head";
    if (seen.phase !== expected) this.#wrong(`order: ${kind} when the stream is at ${seen.phase}`);
    if (kind === "trailers" && !endStream) this.#wrong("order: trailers that do not end the stream");
    if (kind !== "interim") seen.phase = endStream ? "ended" : "body";
    this.#streams.set(stream, seen);
    this.#note([kind, stream, fields, endStream]);
  }

  #onData(stream: number, data: Buffer, endStream: boolean): void {
    const seen = this.#streams.get(stream);
    if (seen?.phase !== "body") return this.#wrong(`order: data when the stream is at ${seen?.phase}`);
    seen.unconsumed += data.length;
    if (seen.unconsumed > SMALL_LIMITS.streamWindowBytes) this.#wrong("bound: more data than the stream's window");
    if (endStream) seen.phase = "ended";
    this.#note(["data", stream, data, endStream]);
  }

  #onReset(stream: number, code: number, byPeer: boolean): void {
    if (!this.#streams.delete(stream)) this.#wrong("order: reset of a stream that the owner does not have");
    this.#note(["reset", stream, code, byPeer]);
  }

  #note(event: Event): void {
    if (this.#isClosed) this.#wrong(`order: ${event[0]} after the close`);
    this.events.push(event);
    this.#options.onEvent?.(event);
  }

  #wrong(problem: string): void {
    this.problem ??= problem;
  }
}

export function drained(session: Http2Session): Buffer {
  const bytes = Buffer.from(session.pendingOutput());
  session.outputTaken(bytes.length);
  return bytes;
}
