/** The way back to who asked, as an exchange needs it: a stream of another agent's connection, or a caller in the clear. */
import type { FieldList } from "#wire/fields";

export interface CallerStream {
  /** Whether the end of the answer has been handed over. */
  readonly isEnded: boolean;
  interim(fields: FieldList): void;
  /** `:status` first. `isWhole`: no body and no trailers follow. */
  head(fields: FieldList, isWhole: boolean): void;
  /** Takes bytes that are valid during the call. Returns false when the writer should pause until it hears `onDrained`. */
  write(data: Uint8Array): boolean;
  /** Ends the answer once all is sent; does nothing to one that has ended. */
  end(trailers: FieldList): void;
  /** There is room again. */
  writable(): void;
  /** So many bytes of the request have been passed on. */
  consumed(bytes: number): void;
  /** HTTP/2's code: `NO_ERROR` after an answer asks for no more of the request, another cuts the answer off. */
  reset(code: number): void;
  /** The exchange is over. */
  release(): void;
}
