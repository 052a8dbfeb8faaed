/** Where the requests of a caller go, as its connection needs to know it: to a service of the mesh, or to the app behind the agent. */
import type { FieldList } from "#wire/fields";
import type { AskedRequest } from "../fields.ts";
import type { Downstream } from "./downstream.ts";

/** One request on its way, from its head to the last byte of its answer. What becomes of it is told to its `Downstream`. */
export interface Exchange {
  start(): void;
  /** Takes a part of the request's body, valid during the call. Returns false when the sender should pause until `resumeBody`. */
  sendBody(data: Uint8Array): boolean;
  endBody(trailers: FieldList): void;
  /** The caller went away. */
  abandon(): void;
  /** It was begun on a guess that was wrong: it ends, and nothing is recorded of it. */
  withdraw(): void;
  /** What the caller had not read has left. */
  onDrained(): void;
}

/** Tunnels that were opened for silent connections and on which nobody has spoken yet. */
export interface Guesses {
  count: number;
}

export interface Upstream {
  /** What a tunnel names when its caller names nothing. */
  readonly authority: string;
  /** Slot of the recorder for requests that are refused before they are one. */
  readonly refusalEdge: number;
  readonly guesses: Guesses;
  exchange(downstream: Downstream, request: AskedRequest): Exchange;
}
