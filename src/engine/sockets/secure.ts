/**
 * TLS 1.3 with certificates on both sides and ALPN `h2`.
 *
 * Only the engine's `authorized` counts, never that a handshake succeeded: with a client of a foreign authority the handshake is
 * reported as done. And a chain that verifies says only that *some* trusted authority signed: the caller judges the leaf itself, in
 * `accept`, before a byte is read or written.
 */
import type { Socket, TLSUpgradeOptions } from "bun";
import { type Result, success } from "#model";
import { type CancelConnect, type Listener, portInUse } from "./plain.ts";
import { NativeSocket, type SocketEvents, type StreamSocket } from "./stream-socket.ts";

/** What one side shows and trusts. */
export interface TlsMaterial {
  /** PEM, leaf first. */
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
  readonly authoritiesPem: readonly string[];
}

export type TlsRefusal =
  /** The peer does not speak TLS. */
  | "plaintext"
  /** The peer showed no certificate, or one that no trusted authority signed, or one that has expired. */
  | "untrusted-certificate"
  /** The connection broke, or no protocol could be agreed on. */
  | "failed";

export interface RefusedPeer {
  readonly reason: TlsRefusal;
  /** For people: what the engine said. */
  readonly detail: string;
  readonly remoteAddress: string;
  readonly localPort: number;
  /** The leaf that was shown, DER, if there was one. */
  readonly leafDer: Uint8Array | undefined;
}

/** HTTP/2, in ALPN's wire format: the engine takes no list of strings. */
const ALPN_H2 = Buffer.from([2, 0x68, 0x32]);

interface Upgraded {
  connection: NativeSocket | undefined;
  isDone: boolean;
}

export interface SecureListenOptions {
  readonly address: string;
  readonly port: number;
  /** The newest material, asked for each connection, so that rotation needs no new listener. */
  readonly material: () => TlsMaterial;
  /** Judges a peer by its leaf (DER); undefined refuses it. */
  readonly accept: (socket: StreamSocket, leafDer: Uint8Array) => SocketEvents | undefined;
  readonly onRefused: (peer: RefusedPeer) => void;
  /** A peer that has not finished its handshake by then is dropped, milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** Handshakes under way at once; connections beyond are dropped, so that silent ones cannot pile up. */
  readonly handshakesMax: number;
}

/** Binds at once; fails with `HDL_ENGINE_PORT_IN_USE`. Every accepted connection is judged before it is given out. */
export function listenSecure(options: SecureListenOptions): Result<Listener> {
  const handshakes = new Set<Socket<undefined>>();
  try {
    const server = Bun.listen<undefined>({
      hostname: options.address,
      port: options.port,
      socket: {
        open(socket) {
          if (handshakes.size >= options.handshakesMax) socket.terminate();
          else upgrade(socket, options, handshakes);
        },
        // What arrives here is still encrypted.
        data: () => undefined,
        error: () => undefined,
      },
    });
    return success({ address: options.address, port: server.port, stop: () => server.stop(false) });
  } catch (cause) {
    return portInUse(options, cause);
  }
}

function upgrade(socket: Socket<undefined>, options: SecureListenOptions, handshakes: Set<Socket<undefined>>): void {
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
    tls: { ...tlsOptions(options.material()), requestCert: true, rejectUnauthorized: true },
    socket: {
      ...relay,
      handshake(secured: Socket<Upgraded>, _ok: boolean, error: Error | null) {
        settle();
        judgePeer(secured, error, options);
      },
      close(secured: Socket<Upgraded>) {
        settle();
        relay.close(secured);
      },
    },
  } satisfies TLSUpgradeOptions<Upgraded> & { isServer: true };
  const [, secured] = socket.upgradeTLS<Upgraded>(upgradeOptions);
}

function judgePeer(secured: Socket<Upgraded>, error: Error | null, options: SecureListenOptions): void {
  if (secured.data.isDone) return;
  secured.data.isDone = true;
  if (!secured.authorized) options.onRefused(refusedPeer(secured, error));
  const leafDer = secured.authorized && secured.alpnProtocol === "h2" ? leafOf(secured) : undefined;
  if (leafDer === undefined || acceptPeer(secured, leafDer, options) === undefined) secured.terminate();
}

function acceptPeer(
  secured: Socket<Upgraded>,
  leafDer: Uint8Array,
  options: SecureListenOptions,
): SocketEvents | undefined {
  const connection = new NativeSocket(secured as Socket<unknown>);
  const events = options.accept(connection, leafDer);
  if (events === undefined) return undefined;
  connection.attach(events);
  secured.data.connection = connection;
  return events;
}

const relay = {
  data: (socket: Socket<Upgraded>, bytes: Buffer) => socket.data.connection?.events?.onData(bytes),
  drain: (socket: Socket<Upgraded>) => socket.data.connection?.events?.onDrain(),
  end: (socket: Socket<Upgraded>) => socket.data.connection?.events?.onEnd(),
  close: (socket: Socket<Upgraded>) => socket.data.connection?.events?.onClose(),
  error: () => undefined,
};

export interface SecureConnectOptions {
  readonly address: string;
  readonly port: number;
  /** A DNS name in the certificate that must answer; the engine refuses any other. */
  readonly serverName: string;
  readonly material: TlsMaterial;
  /** Judges the peer by its leaf (DER); undefined refuses it, and `onFailed` is not called. */
  readonly accept: (socket: StreamSocket, leafDer: Uint8Array) => SocketEvents | undefined;
  readonly onFailed: (reason: TlsRefusal, detail: string) => void;
}

/** Connects and shakes hands. How long that may take is for the caller to bound, with the function that is returned. */
export function connectSecure(options: SecureConnectOptions): CancelConnect {
  let isSettled = false;
  const fail = (reason: TlsRefusal, detail: string): void => {
    if (isSettled) return;
    isSettled = true;
    options.onFailed(reason, detail);
  };
  Bun.connect<Upgraded>({
    hostname: options.address,
    port: options.port,
    data: { connection: undefined, isDone: false },
    tls: { ...tlsOptions(options.material), rejectUnauthorized: true, serverName: options.serverName },
    socket: {
      ...relay,
      open: () => undefined,
      handshake(socket, _ok, error) {
        if (isSettled) return void socket.terminate();
        const leafDer = leafOf(socket);
        if (!socket.authorized || leafDer === undefined) fail(...refusalOf(error));
        else if (socket.alpnProtocol !== "h2") fail("failed", "the peer does not speak h2");
        else {
          isSettled = true;
          const connection = new NativeSocket(socket as Socket<unknown>);
          const events = options.accept(connection, leafDer);
          if (events === undefined) return void socket.terminate();
          connection.attach(events);
          socket.data.connection = connection;
          return;
        }
        socket.terminate();
      },
      close(socket) {
        if (socket.data.connection === undefined) fail("failed", "the connection closed during the handshake");
        else relay.close(socket);
      },
      connectError: (_socket, error) => fail("failed", error.message),
    },
  }).catch((cause: unknown) => fail("failed", cause instanceof Error ? cause.message : String(cause)));
  return () => {
    isSettled = true;
  };
}

function tlsOptions(material: TlsMaterial) {
  return {
    ca: [...material.authoritiesPem],
    cert: material.certificateChainPem,
    key: material.privateKeyPem,
    ALPNProtocols: ALPN_H2,
  };
}

function leafOf(socket: Socket<Upgraded>): Uint8Array | undefined {
  const raw = socket.getPeerCertificate()?.raw;
  return raw === undefined ? undefined : new Uint8Array(raw);
}

function refusedPeer(socket: Socket<Upgraded>, error: Error | null): RefusedPeer {
  const [reason, detail] = refusalOf(error);
  const { remoteAddress, localPort } = socket;
  return { reason, detail, remoteAddress, localPort, leafDer: leafOf(socket) };
}

/** OpenSSL's names for a first record that is no TLS. */
const PLAINTEXT =
  /HTTP_REQUEST|HTTPS_PROXY_REQUEST|WRONG_VERSION_NUMBER|UNEXPECTED_MESSAGE|PACKET_LENGTH|RECORD_TOO|TLSV1_ALERT_RECORD/;
const BROKEN = /ECONNRESET|ECONNREFUSED|ETIMEDOUT|NO_APPLICATION_PROTOCOL/;

function refusalOf(error: Error | null): [TlsRefusal, string] {
  const detail = error?.message ?? "the certificate was not accepted";
  const code = (error as { code?: string } | null)?.code ?? "";
  if (PLAINTEXT.test(detail)) return ["plaintext", detail];
  return [BROKEN.test(code) || BROKEN.test(detail) ? "failed" : "untrusted-certificate", detail];
}
