/** gRPC as a proxy meets it (gRPC over HTTP/2, protocol definition): its content type and its statuses. */
import type { RequestRecord } from "#telemetry/record";
import { type FieldList, fieldValue } from "#wire/fields";

/** Whether a message is gRPC's; gRPC-Web is ordinary HTTP to a proxy. */
export function isGrpc(fields: FieldList): boolean {
  const type = fieldValue(fields, "content-type");
  return type === "application/grpc" || (type !== undefined && /^application\/grpc(?:[+;]|$)/.test(type));
}

/**
 * gRPC's status for a response that an agent makes itself: gRPC's HTTP to gRPC status mapping, but that a limit is told as what it is, so
 * that the call is not made again at once.
 */
const GRPC_OF_HTTP: ReadonlyMap<number, number> = new Map([
  [400, 13],
  [401, 16],
  [403, 7],
  [404, 12],
  [429, 8],
  [502, 14],
  [503, 14],
  [504, 14],
]);

export function grpcStatusOf(http: number): number {
  return GRPC_OF_HTTP.get(http) ?? 2;
}

/** Index: gRPC status; value: the HTTP status of the same meaning, by which calls are counted as good or failed. */
const HTTP_OF_GRPC: readonly number[] = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
];

const GRPC_UNKNOWN = 2;

/** Notes how an answer or its trailers say that a request went: gRPC by a status of its own, everything else by HTTP's. */
export function recordStatus(record: RequestRecord, fields: FieldList, http: number): void {
  const text = fieldValue(fields, "grpc-status");
  if (text === undefined) {
    record.status = http;
    return;
  }
  const known = HTTP_OF_GRPC[Number(text)];
  record.status = known ?? 500;
  record.grpcStatus = known === undefined ? GRPC_UNKNOWN : Number(text);
}

/** The status by which an answer or its trailers are counted as good or failed. */
export function countedStatus(fields: FieldList, http: number): number {
  const text = fieldValue(fields, "grpc-status");
  return text === undefined ? http : (HTTP_OF_GRPC[Number(text)] ?? 500);
}

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 };

/** How long the caller of a gRPC method waits, milliseconds (`grpc-timeout`); undefined when it does not say. */
export function grpcTimeoutMs(fields: FieldList): number | undefined {
  const timeout = fieldValue(fields, "grpc-timeout");
  if (timeout === undefined) return undefined;
  const match = /^(\d{1,8})([HMSmun])$/.exec(timeout);
  return match === null ? undefined : Number(match[1]) * (UNIT_MS[match[2] as string] ?? 1);
}
