/** Questions to sockets: does something listen, is a port free, how does a URL answer. None waits longer than it is told. */
import { connect, createServer, type Socket } from "node:net";

export { isGrpcServing } from "./grpc-health.ts";

/** A program that greets whoever connects has this long to do so before it is left. */
const FAREWELL_MS = 1000;
/** More of an answer than this is not read. */
const BODY_BYTES_MAX = 64 * 1024;

const UNJUDGED = { rejectUnauthorized: false };

/** Lets the other side finish what it says: a connection that is cut off is an error in its log, each time it is asked. */
function leave(socket: Socket): void {
  socket.end();
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), FAREWELL_MS);
  socket.once("close", () => clearTimeout(timer));
}

/** Whether a TCP connection is accepted within `timeoutMs`. */
export function canConnect(address: string, port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const timer = setTimeout(() => {
      socket.destroy();
      resolve(false);
    }, timeoutMs);
    socket.once("connect", () => {
      clearTimeout(timer);
      leave(socket);
      resolve(true);
    });
    socket.on("error", () => {
      clearTimeout(timer);
      resolve(false);
    });
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

/**
 * The status of a GET, or undefined when there is no answer within `timeoutMs`. Redirects are not followed. Whose certificate answers is
 * not judged: nothing is told, and nothing believed but that something answers.
 */
export async function httpStatus(url: string, timeoutMs: number): Promise<number | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: "manual", tls: UNJUDGED });
    await readSome(response);
    return response.status;
  } catch {
    return undefined;
  }
}

/** Reads an answer to its end, so that its sender is not cut off; of an endless one, only the beginning. */
async function readSome(response: Response): Promise<void> {
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > BODY_BYTES_MAX) return;
  }
}
