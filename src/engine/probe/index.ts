/** Questions to sockets: does something listen, is a port free, how does a URL answer. None waits longer than it is told. */
import { connect, createServer } from "node:net";

/** Whether a TCP connection is accepted within `timeoutMs`. */
export function canConnect(address: string, port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const finish = (accepted: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(accepted);
    };
    const timer = setTimeout(() => finish(false), timeoutMs);
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
  });
}

export type PortState = "free" | "taken" | "no-such-address" | "not-permitted";

const PORT_STATES: Readonly<Record<string, PortState>> = {
  EADDRINUSE: "taken",
  EADDRNOTAVAIL: "no-such-address",
  EACCES: "not-permitted",
};

/** Tries to listen, and stops at once. Port 0 asks whether the address exists here. */
export function portState(address: string, port: number): Promise<PortState> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: Error & { code?: string }) => resolve(PORT_STATES[error.code ?? ""] ?? "taken"));
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve("free")));
  });
}

/** The status of a GET, or undefined when there is no answer within `timeoutMs`. Redirects are not followed. */
export async function httpStatus(url: string, timeoutMs: number): Promise<number | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: "manual" });
    await response.body?.cancel();
    return response.status;
  } catch {
    return undefined;
  }
}
