/** Who asked, as an exchange needs it: a connection of a caller or one stream of it. */
import type { FieldList } from "#wire/fields";
import type { EdgeCaller } from "../fields.ts";

export interface Answer {
  readonly status: number;
  /** Without pseudo-headers being of interest: they may be there. */
  readonly fields: FieldList;
  /** The protocol that was asked for is spoken from here on. */
  readonly isSwitch: boolean;
  /** No body and no trailers follow; `end` is called all the same. */
  readonly isWhole: boolean;
}

export interface Downstream {
  /** Undefined inside the mesh. */
  readonly edge: EdgeCaller | undefined;
  /** Whether the caller speaks HTTP/2. */
  readonly isHttp2: boolean;
  interim(status: number, fields: FieldList): void;
  head(answer: Answer): void;
  /** Valid during the call. */
  body(data: Uint8Array): void;
  /** The answer is complete; `trailers` may be empty. A tunnel's other half may go on. */
  end(trailers: FieldList): void;
  /** The answer cannot be completed: the caller is cut off, so that it does not take a part for the whole. */
  abort(): void;
  /** Whether more of the answer should wait until `onDrained`. */
  readonly isFull: boolean;
  /** The exchange takes more of the request's body again. */
  resumeBody(): void;
  /** The exchange is over. `isRequestUnread`: part of the request was not taken. */
  finished(isRequestUnread: boolean): void;
}
