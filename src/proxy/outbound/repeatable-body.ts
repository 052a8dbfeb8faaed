/** The body of a request as long as it may have to be sent again: until its answer begins, or until it is too long to be kept. */
import { HeldBytes } from "../held-bytes.ts";
import type { StreamOutput } from "../stream-output.ts";

export class RepeatableBody {
  readonly #bytesMax: number;
  /** Most requests have no body, and need none. */
  #held: HeldBytes | undefined;
  #bytes = 0;
  #isKept = true;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  /** Bytes that have come. */
  get length(): number {
    return this.#bytes;
  }

  /** Whether all of it that has come so far is here. */
  get isKept(): boolean {
    return this.#isKept;
  }

  /** Takes a part that is valid during the call and sends it, if there is a stream. Returns false when the sender should pause. */
  pass(data: Uint8Array, output: StreamOutput | undefined): boolean {
    this.#bytes += data.length;
    if (this.#isKept) {
      this.#held ??= new HeldBytes();
      this.#held.add(data);
    }
    if (output === undefined) return false;
    this.#letGo();
    return output.write(data);
  }

  /** Sends all that has come to a new stream. Returns false when the sender should pause. */
  sendTo(output: StreamOutput): boolean {
    let isTaken = true;
    for (const part of this.#held?.parts() ?? []) isTaken = output.write(part);
    this.#letGo();
    return isTaken;
  }

  /** It will not be needed again. */
  forget(): void {
    this.#held = undefined;
    this.#isKept = false;
  }

  /** Too long a body is kept no longer than it waits for its first stream. */
  #letGo(): void {
    if (this.#bytes > this.#bytesMax) this.forget();
  }
}
