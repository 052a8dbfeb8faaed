/** One request's way to the app, whatever the app speaks: a connection, a stream of one, or a tunnel. */
import type { EndReason } from "#telemetry";
import type { FieldList } from "#wire/fields";
import type { AppRequest } from "../../fields.ts";

export interface AppAnswer {
  readonly status: number;
  /** As a stream between agents carries them, `:status` first. */
  readonly fields: FieldList;
  /** `switched`: from here on the bytes belong to the protocol that was asked for. */
  readonly kind: "interim" | "final" | "switched";
  /** No body and no trailers follow; `onAppEnd` does not either. */
  readonly isWhole: boolean;
}

/** The request that has the lane. */
export interface AppUser {
  onAppHead(answer: AppAnswer): void;
  /** Valid during the call. Returns false when the app should pause until `resume`. */
  onAppBody(data: Uint8Array): boolean;
  onAppEnd(trailers: FieldList): void;
  /** No complete answer will come. `isUntouched`: the app did nothing, and the request may be sent again. */
  onAppFailed(reason: EndReason, isUntouched: boolean): void;
  /** All that was written has left. */
  onAppDrained(): void;
}

export interface AppLane {
  /** Bytes of the request that have not left yet. */
  readonly pending: number;
  begin(user: AppUser, request: AppRequest): void;
  /** `data` is valid during the call. */
  body(data: Uint8Array): void;
  endBody(trailers: FieldList): void;
  /** Takes up the answer again after `onAppBody` returned false. */
  resume(): void;
  /** The user wants no more of it. */
  abandon(): void;
}

/** A request that waits for a lane. */
export interface LaneWaiter {
  onLane(lane: AppLane): void;
  onNoLane(reason: EndReason): void;
}

export interface AppLanes {
  /** Gives a lane, at once or when there is one. `fresh` asks for one that has not been used before. */
  request(waiter: LaneWaiter, fresh: boolean): void;
  forget(waiter: LaneWaiter): void;
  stop(): void;
}
