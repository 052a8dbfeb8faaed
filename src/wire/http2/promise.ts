/** What a message promises of its body, and whether the promise is kept (RFC 9113 §8.1.1). */
import { type FieldList, fieldValue } from "#wire/fields";
import { type MessageKind, promisedLength } from "./message.ts";
import { H2_ERROR } from "./protocol.ts";
import type { Http2Stream } from "./stream.ts";

/** The error code of DATA that its stream cannot have; `received` and the window have been moved already. */
export function faultOfData(stream: Http2Stream, endStream: boolean): number | undefined {
  if (stream.isRemoteEnded) return H2_ERROR.STREAM_CLOSED;
  if (!stream.hasHead) return H2_ERROR.PROTOCOL_ERROR;
  if (stream.receiveWindow < 0) return H2_ERROR.FLOW_CONTROL_ERROR;
  if (stream.promised < 0) return undefined;
  const isWrong = stream.received > stream.promised || (endStream && stream.received < stream.promised);
  return isWrong ? H2_ERROR.PROTOCOL_ERROR : undefined;
}

/** Trailers end a message, and come after all of the body that was promised. */
export function isWhole(stream: Http2Stream, endStream: boolean): boolean {
  return endStream && (stream.promised < 0 || stream.received === stream.promised);
}

interface Head {
  readonly fields: FieldList;
  readonly endStream: boolean;
  readonly kind: MessageKind;
}

/** Notes what a head promises; false when it cannot be kept. */
export function takesHead(stream: Http2Stream, { fields, endStream, kind }: Head): boolean {
  const promised = promisedLength(fields);
  if (promised === -2) return false;
  if (kind === "interim") return !endStream;
  const isBodiless = hasNoBody(stream, fields);
  if (endStream && promised > 0 && !isBodiless) return false;
  stream.hasHead = true;
  stream.promised = isBodiless ? -1 : promised;
  return true;
}

/** Only a response says so; a request's list has no status. */
function hasNoBody(stream: Http2Stream, fields: FieldList): boolean {
  const status = fieldValue(fields, ":status");
  return (stream.isHeadRequest && status !== undefined) || status === "204" || status === "304";
}
