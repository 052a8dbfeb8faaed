/** Plain TCP: apps on loopback, and callers at an edge. */
import type { Socket } from "bun";
import { failure, problem, type Result, success } from "#model";
import { NativeSocket, type SocketEvents, type StreamSocket } from "./stream-socket.ts";

export interface Listener {
  readonly address: string;
  readonly port: number;
  /** Accepts no more; connections that exist go on. */
  stop(): void;
}

/** What hangs on an accepted socket; undefined until it has an owner. */
export type Held = { readonly connection: NativeSocket } | undefined;

/** Tells the owner of a socket in the clear. */
export const relay = {
  data: (socket: Socket<Held>, bytes: Buffer) => socket.data?.connection.events?.onData(bytes),
  drain: (socket: Socket<Held>) => socket.data?.connection.events?.onDrain(),
  end: (socket: Socket<Held>) => socket.data?.connection.peerEnded(),
  close: (socket: Socket<Held>, error?: Error) => socket.data?.connection.closed(error),
  // A close follows.
  error: () => undefined,
};

export interface ListenOptions {
  readonly address: string;
  readonly port: number;
  /** Gives the events of a new connection. Called before any byte is read. */
  readonly accept: (socket: StreamSocket) => SocketEvents;
}

/** Binds at once; fails with `HDL_ENGINE_PORT_IN_USE`, naming address and port. */
export function listenPlain(options: ListenOptions): Result<Listener> {
  try {
    const server = Bun.listen<Held>({
      hostname: options.address,
      port: options.port,
      allowHalfOpen: true,
      socket: {
        open(socket) {
          const connection = new NativeSocket(socket as Socket<unknown>);
          socket.data = { connection };
          connection.attach(options.accept(connection));
        },
        ...relay,
      },
    });
    return success({ address: options.address, port: server.port, stop: () => server.stop(false) });
  } catch (cause) {
    return portInUse(options, cause);
  }
}

export function portInUse(
  { address, port }: { readonly address: string; readonly port: number },
  cause: unknown,
): Result<never> {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return failure(problem("HDL_ENGINE_PORT_IN_USE", `cannot listen on ${address}:${port}: ${reason}`, { cause }));
}

export interface ConnectOptions {
  readonly address: string;
  readonly port: number;
  /** Called once: with the connection, whose events it gives, or with the reason why there is none. */
  readonly onOpen: (socket: StreamSocket) => SocketEvents;
  readonly onFailed: (reason: string) => void;
}

/** Ends an attempt to connect; nothing is called afterwards. */
export type CancelConnect = () => void;

/** Connects over plain TCP. How long that may take is for the caller to bound, with the function that is returned. */
export function connectPlain(options: ConnectOptions): CancelConnect {
  let isSettled = false;
  const fail = (reason: string): void => {
    if (isSettled) return;
    isSettled = true;
    options.onFailed(reason);
  };
  Bun.connect<Held>({
    hostname: options.address,
    port: options.port,
    allowHalfOpen: true,
    data: undefined,
    socket: {
      open(socket) {
        if (isSettled) return void socket.terminate();
        isSettled = true;
        const connection = new NativeSocket(socket as Socket<unknown>);
        socket.data = { connection };
        connection.attach(options.onOpen(connection));
      },
      ...relay,
      connectError: (_socket, error) => fail(error.message),
    },
  }).catch((cause: unknown) => fail(cause instanceof Error ? cause.message : String(cause)));
  return () => {
    isSettled = true;
  };
}
