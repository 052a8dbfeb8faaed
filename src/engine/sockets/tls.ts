/** Handshakes over native sockets: bounded in time and number as a server, judged before a byte is given out on either side. */
import type { Socket, TLSOptions, TLSUpgradeOptions } from "bun";
import { type Result, success } from "#model";
import { type CancelConnect, type Held, type Listener, portInUse, relay as relayPlain } from "./plain.ts";
import { NativeSocket, type SocketEvents, type StreamSocket } from "./stream-socket.ts";

export interface Upgraded {
  connection: NativeSocket | undefined;
  isDone: boolean;
}

export type TlsSocket = Socket<Upgraded>;

/** Judges a handshake that is over: the events of the connection, by `giveOut`, or undefined to drop it. */
type Judge = (socket: TlsSocket, handshake: Handshake) => SocketEvents | undefined;

interface Handshake {
  /** Both sides have finished it, whatever is to be said of their certificates. */
  readonly isWhole: boolean;
  readonly error: Error | null;
}

/** `ALPNProtocols` in ALPN's wire format: the engine takes no list of strings. */
export type TlsSettings = Omit<TLSOptions, "ALPNProtocols"> & { readonly ALPNProtocols: Buffer };

export interface TlsListenOptions {
  readonly address: string;
  readonly port: number;
  /** Asked for each connection, so that newer material needs no new listener. */
  readonly tls: () => TlsSettings;
  readonly judge: Judge;
  /** Takes a connection that comes without TLS; false for one that is to shake hands. Without it all are. */
  readonly unsecured?: (socket: Socket<Held>) => boolean;
  /** A peer that has not finished its handshake by then is dropped, milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** Handshakes under way at once; connections beyond are dropped, so that silent ones cannot pile up. */
  readonly handshakesMax: number;
}

/** Names of protocols in ALPN's wire format, the best first (RFC 7301 §3.1). */
export function alpnOf(protocols: readonly string[]): Buffer {
  return Buffer.concat(protocols.map((name) => Buffer.concat([Buffer.from([name.length]), Buffer.from(name)])));
}

export interface TlsListener extends Listener {
  readonly fd: number;
}

/** Binds at once; fails with `HDL_ENGINE_PORT_IN_USE`. */
export function listenTls(options: TlsListenOptions): Result<TlsListener> {
  const handshakes = new Set<Socket<Held>>();
  try {
    const server = Bun.listen<Held>({
      hostname: options.address,
      port: options.port,
      // Of those in the clear; in TLS nothing follows the end of a caller's bytes that anybody waits for.
      allowHalfOpen: true,
      socket: {
        // Of what shakes hands, all that arrives here is still encrypted, and has no owner here.
        ...relayPlain,
        open(socket) {
          if (options.unsecured?.(socket) === true) return;
          if (handshakes.size >= options.handshakesMax) socket.terminate();
          else upgrade(socket, options, handshakes);
        },
      },
    });
    const { fd } = server as typeof server & { readonly fd: number };
    return success({ address: options.address, port: server.port, fd, stop: () => server.stop(false) });
  } catch (cause) {
    return portInUse(options, cause);
  }
}

function upgrade(socket: Socket<Held>, options: TlsListenOptions, handshakes: Set<Socket<Held>>): void {
  handshakes.add(socket);
  // The accepted socket does nothing any more once it is upgraded: only what it became can be ended.
  const timeout = setTimeout(() => secured.terminate(), options.handshakeTimeoutMs);
  const settle = (): void => {
    clearTimeout(timeout);
    handshakes.delete(socket);
  };
  const upgradeOptions = {
    data: { connection: undefined, isDone: false },
    // The engine's types do not know yet that an accepted socket can be upgraded too.
    isServer: true,
    tls: options.tls(),
    socket: {
      ...relay,
      handshake(secured: TlsSocket, isWhole: boolean, error: Error | null) {
        settle();
        if (secured.data.isDone) return;
        secured.data.isDone = true;
        if (options.judge(secured, { isWhole, error }) === undefined) secured.terminate();
      },
      close(secured: TlsSocket) {
        settle();
        relay.close(secured);
      },
    },
  } satisfies TLSUpgradeOptions<Upgraded> & { isServer: true };
  const [, secured] = socket.upgradeTLS<Upgraded>(upgradeOptions);
}

/** A connection that was judged good, with the events that its new owner gives; undefined when it wants none. */
export function giveOut(
  secured: TlsSocket,
  accept: (socket: StreamSocket) => SocketEvents | undefined,
): SocketEvents | undefined {
  const connection = new NativeSocket(secured as Socket<unknown>);
  const events = accept(connection);
  if (events === undefined) return undefined;
  connection.attach(events);
  secured.data.connection = connection;
  return events;
}

const relay = {
  data: (socket: TlsSocket, bytes: Buffer) => socket.data.connection?.events?.onData(bytes),
  drain: (socket: TlsSocket) => socket.data.connection?.events?.onDrain(),
  end: (socket: TlsSocket) => socket.data.connection?.events?.onEnd(),
  close: (socket: TlsSocket) => socket.data.connection?.events?.onClose(),
  error: () => undefined,
};

export interface TlsConnectOptions {
  readonly address: string;
  readonly port: number;
  readonly tls: TlsSettings;
  readonly judge: Judge;
  /** There is nobody, or the connection broke before it could be judged. */
  readonly onFailed: (detail: string) => void;
}

/** Connects and shakes hands. How long that may take is for the caller to bound, with the function that is returned. */
export function connectTls(options: TlsConnectOptions): CancelConnect {
  let isSettled = false;
  let opened: TlsSocket | undefined;
  const fail = (detail: string): void => {
    if (isSettled) return;
    isSettled = true;
    options.onFailed(detail);
  };
  Bun.connect<Upgraded>({
    hostname: options.address,
    port: options.port,
    data: { connection: undefined, isDone: false },
    tls: options.tls,
    socket: {
      ...relay,
      open(socket) {
        opened = socket;
        if (isSettled) socket.terminate();
      },
      handshake(socket, isWhole, error) {
        const isWanted = !isSettled;
        isSettled = true;
        if (!isWanted || options.judge(socket, { isWhole, error }) === undefined) socket.terminate();
      },
      close(socket) {
        if (socket.data.connection === undefined) fail("the connection closed during the handshake");
        else relay.close(socket);
      },
      connectError: (_socket, error) => fail(error.message),
    },
  }).catch((cause: unknown) => fail(cause instanceof Error ? cause.message : String(cause)));
  return () => {
    // A peer that takes connections and says nothing would keep it for as long as it likes.
    const isUnderWay = !isSettled;
    isSettled = true;
    if (isUnderWay) opened?.terminate();
  };
}
