/** A plain connection to the app within the time that connecting may take. */
import { connectPlain, type SocketEvents, type StreamSocket } from "#engine/sockets";
import type { ProxyContext } from "../../context.ts";
import type { AppAddress } from "./lane.ts";

/** Calls one of the two, once. */
export function dialApp(
  context: ProxyContext,
  app: AppAddress,
  outcome: { readonly onOpen: (socket: StreamSocket) => SocketEvents; readonly onFailed: () => void },
): void {
  const cancelTimeout = context.timers.after(context.tables.settings.connectTimeoutMs, () => {
    cancelConnect();
    outcome.onFailed();
  });
  const cancelConnect = connectPlain({
    address: app.address,
    port: app.port,
    onOpen: (socket) => {
      cancelTimeout();
      return outcome.onOpen(socket);
    },
    onFailed: () => {
      cancelTimeout();
      outcome.onFailed();
    },
  });
}
