/** A Node process that reads HTTP/1.1 with llhttp, asked in batches. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FieldList } from "#wire/fields";

const WORKER = fileURLToPath(new URL("worker.mjs", import.meta.url));
const REQUEST = 1;
const RESPONSE = 2;
const ANSWERED_METHODS: readonly string[] = ["GET", "HEAD", "CONNECT"];

/** What llhttp is given: bytes in slices, after each of which it tells how many messages were whole. */
export interface LlhttpInput {
  readonly slices: readonly Buffer[];
  /** Method of the request that a response answers; undefined for requests. */
  readonly answers?: "GET" | "HEAD" | "CONNECT";
  /** The connection ends after the bytes. */
  readonly ends?: boolean;
}

export interface LlhttpMessage {
  readonly minor: number;
  /** Names as they were sent. */
  readonly fields: FieldList;
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly upgrade: boolean;
  readonly keepAlive: boolean;
  /** latin1 */
  readonly body: string;
  readonly trailers: FieldList;
  readonly isWhole: boolean;
}

export interface LlhttpReading {
  readonly messages: readonly LlhttpMessage[];
  readonly wholeAfter: readonly number[];
  /** Node's code (`HPE_…`), or "". */
  readonly error: string;
  /** Bytes after a switch to another protocol. */
  readonly unread: number;
}

export class Llhttp {
  readonly #child: ChildProcessWithoutNullStreams;
  #held: Buffer[] = [];
  #answered: ((answer: string) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  constructor() {
    this.#child = spawn("node", ["--no-deprecation", WORKER]);
    this.#child.stdout.on("data", (chunk: Buffer) => this.#onData(chunk));
    this.#child.stderr.on("data", (chunk: Buffer) => this.#failed?.(new Error(`node: ${chunk}`)));
    this.#child.on("error", (error) => this.#failed?.(error));
  }

  /** One batch at a time. */
  async read(inputs: readonly LlhttpInput[]): Promise<readonly LlhttpReading[]> {
    if (inputs.length === 0) return [];
    const batch = Buffer.concat(inputs.flatMap(encode));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(batch.length);
    const answer = new Promise<string>((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
    });
    this.#child.stdin.write(Buffer.concat([length, batch]));
    return JSON.parse(await answer) as readonly LlhttpReading[];
  }

  close(): void {
    this.#child.stdin.end();
  }

  #onData(chunk: Buffer): void {
    this.#held.push(chunk);
    const bytes = this.#held.length === 1 ? chunk : Buffer.concat(this.#held);
    this.#held = [bytes];
    if (bytes.length < 4 || bytes.length < 4 + bytes.readUInt32BE(0)) return;
    this.#held = [];
    this.#answered?.(bytes.toString("utf8", 4));
  }
}

function encode({ slices, answers, ends = false }: LlhttpInput): Buffer[] {
  const head = Buffer.alloc(4 + slices.length * 4);
  head[0] = answers === undefined ? REQUEST : RESPONSE;
  head[1] = (Math.max(0, ANSWERED_METHODS.indexOf(answers ?? "GET")) << 1) | (ends ? 1 : 0);
  head.writeUInt16BE(slices.length, 2);
  for (const [index, slice] of slices.entries()) head.writeUInt32BE(slice.length, 4 + index * 4);
  return [head, ...slices];
}
