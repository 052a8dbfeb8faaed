/** How long a request may go without its answer's head. */
import { type FieldList, fieldValue } from "#wire/fields";
import type { ProxyContext } from "./context.ts";
import { grpcTimeoutMs, isGrpc } from "./grpc.ts";

/** How long the caller waits, milliseconds; 0: for ever (Envoy's field of that name). */
export const EXPECTED_TIMEOUT = "x-envoy-expected-rq-timeout-ms";

export interface Waiting {
  /** What the route says; 0: for ever. */
  readonly routeMs?: number | undefined;
  /** A caller outside the mesh cannot have an agent wait longer for it. */
  readonly isOutside?: boolean;
}

/**
 * Milliseconds from now. What the caller says goes before what the route says, and that before what the mesh says. A gRPC call of which
 * nobody says anything may be silent as long as any stream, since its answer's head may come with its first message.
 */
export function patienceMs(context: ProxyContext, fields: FieldList, { routeMs, isOutside }: Waiting = {}): number {
  const longestMs = context.limits.streamIdleTimeoutMs;
  const isOfGrpc = isGrpc(fields);
  const saidMs =
    (isOfGrpc ? grpcTimeoutMs(fields) : undefined) ?? (isOutside === true ? undefined : expectedMs(fields)) ?? routeMs;
  if (saidMs === undefined) return isOfGrpc ? longestMs : context.tables.settings.requestTimeoutMs;
  return saidMs === 0 ? longestMs : Math.min(saidMs, longestMs);
}

function expectedMs(fields: FieldList): number | undefined {
  const said = fieldValue(fields, EXPECTED_TIMEOUT);
  return said !== undefined && /^\d{1,9}$/.test(said) ? Number(said) : undefined;
}
