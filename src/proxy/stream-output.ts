/** What is sent on one HTTP/2 stream: as much as its windows take at once, the rest held until there is room. */
import type { FieldList } from "#wire/fields";
import { HeldBytes } from "./held-bytes.ts";
import type { Link } from "./link.ts";

const NOTHING = new Uint8Array(0);

export class StreamOutput {
  readonly link: Link;
  readonly stream: number;
  readonly #onDrained: () => void;
  /** Most streams never hold anything. */
  #held: HeldBytes | undefined;
  #end: FieldList | undefined;
  #isEnded = false;

  /** `onDrained` is called when all that was held has been taken. Holding is bounded by its writer, who pauses meanwhile. */
  constructor(link: Link, stream: number, onDrained: () => void) {
    this.link = link;
    this.stream = stream;
    this.#onDrained = onDrained;
  }

  /** Bytes that are held. */
  get pending(): number {
    return this.#held?.length ?? 0;
  }

  /** Whether the end has been sent. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  interim(fields: FieldList): void {
    this.link.session.sendHeaders(this.stream, fields, false);
  }

  /** `isWhole`: the head ends the stream on this side. */
  head(fields: FieldList, isWhole: boolean): void {
    this.link.session.sendHeaders(this.stream, fields, isWhole);
    this.#isEnded = isWhole;
  }

  /** Takes bytes that are valid during the call. Returns false when the writer should pause until `onDrained`. */
  write(data: Uint8Array): boolean {
    if (this.#isEnded) return true;
    const taken = this.pending > 0 ? 0 : this.link.session.sendData(this.stream, data, false);
    if (taken === data.length) return true;
    this.#held ??= new HeldBytes();
    this.#held.add(data.subarray(taken));
    return false;
  }

  /** Ends the stream on this side once all is sent. */
  end(trailers: FieldList): void {
    if (this.#isEnded || this.#end !== undefined) return;
    this.#end = trailers;
    if (this.pending === 0) this.#sendEnd(trailers);
  }

  /** The head that was sent ended the stream already. */
  markEnded(): void {
    this.#isEnded = true;
  }

  /** For the session's `onWritable`. */
  writable(): void {
    for (let next = this.#held?.first; next !== undefined; next = this.#held?.first) {
      const taken = this.link.session.sendData(this.stream, next, false);
      this.#held?.consume(taken);
      if (taken < next.length) return;
    }
    if (this.#end !== undefined) this.#sendEnd(this.#end);
    this.#onDrained();
  }

  /** So many bytes from the peer have been passed on. */
  consumed(bytes: number): void {
    this.link.session.consumed(this.stream, bytes);
  }

  reset(code: number): void {
    this.link.session.reset(this.stream, code);
  }

  /** The owner of the stream needs to hear no more of it. */
  release(): void {
    this.link.release(this.stream);
  }

  #sendEnd(trailers: FieldList): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (trailers.length > 0) this.link.session.sendHeaders(this.stream, trailers, true);
    else this.link.session.sendData(this.stream, NOTHING, true);
  }
}
