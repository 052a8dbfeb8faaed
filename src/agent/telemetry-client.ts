import { ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { failure, problem, type Result, success } from "#model";
import { Telemetry } from "#proto";
import type { TelemetryBatch } from "#telemetry";
import { encodeBatch } from "#telemetry/batch";

const TIMEOUT_MS = 5000;

/** Sends one batch; `session` is random per agent process, so that a repeated batch is counted once. */
export type SendBatch = (sequence: number, batch: TelemetryBatch) => Promise<Result<void>>;

/** The server's Telemetry service: each call is bounded and fails with `HDL_AGENT_REPORT`. */
export function telemetryClient(
  transport: Transport,
  from: { readonly instance: string; readonly session: string },
): SendBatch {
  const client = createClient(Telemetry, transport);
  return async (sequence, batch) => {
    try {
      await client.report(
        { ...from, sequence: BigInt(sequence), batch: encodeBatch(batch) },
        { timeoutMs: TIMEOUT_MS },
      );
      return success(undefined);
    } catch (cause) {
      const { rawMessage } = ConnectError.from(cause);
      return failure(
        problem("HDL_AGENT_REPORT", `The server did not take telemetry: ${rawMessage.slice(0, 300)}`, { cause }),
      );
    }
  };
}
