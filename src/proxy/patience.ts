/** How long a request may go without its answer's head. */
import type { FieldList } from "#wire/fields";
import type { ProxyContext } from "./context.ts";
import { grpcTimeoutMs, isGrpc } from "./grpc.ts";

/**
 * Milliseconds from now. What the caller says goes before what the mesh says; a gRPC stream without a word of it may be silent as
 * long as any stream, since its answer's head may come with its first message.
 */
export function patienceMs(context: ProxyContext, fields: FieldList): number {
  const { requestTimeoutMs } = context.tables.settings;
  if (!isGrpc(fields)) return requestTimeoutMs;
  return grpcTimeoutMs(fields) ?? context.limits.streamIdleTimeoutMs;
}
