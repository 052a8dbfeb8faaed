import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import type { SpiffeId } from "#identity";
import type { ProblemCode } from "#model";
import type { Telemetry } from "#proto";
import type { TelemetryIngest } from "./observe/ingest.ts";

/** Refusals that the same report may get past later. */
const RETRYABLE: ReadonlySet<ProblemCode> = new Set(["HDL_TELEMETRY_RATE", "HDL_TELEMETRY_STORE"]);

/** `heddle.v1.Telemetry` for a connect router; `callerOf` throws for a caller without a certificate. */
export function telemetryService(
  ingest: TelemetryIngest,
  callerOf: (context: HandlerContext) => SpiffeId,
): ServiceImpl<typeof Telemetry> {
  return {
    report(request, context) {
      const stored = ingest.report(request, callerOf(context));
      if (stored.ok) return {};
      const [{ code, message }] = stored.problems;
      const status = RETRYABLE.has(code) ? Code.ResourceExhausted : Code.InvalidArgument;
      throw new ConnectError(message, status, { "heddle-problem": code });
    },
  };
}
