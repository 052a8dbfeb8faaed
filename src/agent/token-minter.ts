import { ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { failure, problem, type Result, success } from "#model";
import { Identity } from "#proto";

const TIMEOUT_MS = 5000;

/** Asks the server for JWT-SVIDs of the agent's own identity. Fails with `HDL_ENROLMENT_SERVER_UNREACHABLE`. */
export function tokenMinter(
  transport: Transport,
): (audience: readonly string[], signal: AbortSignal) => Promise<Result<string>> {
  const client = createClient(Identity, transport);
  return async (audience, signal) => {
    try {
      const { token } = await client.mintJwtSvid({ audience: [...audience] }, { timeoutMs: TIMEOUT_MS, signal });
      return success(token);
    } catch (cause) {
      const { rawMessage } = ConnectError.from(cause);
      const why = `The server issued no token: ${rawMessage.slice(0, 500)}`;
      return failure(problem("HDL_ENROLMENT_SERVER_UNREACHABLE", why, { cause }));
    }
  };
}
