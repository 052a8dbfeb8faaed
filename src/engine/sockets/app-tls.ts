/**
 * TLS with programs that are not of the mesh: callers before an edge, and an app that is reached in TLS. Only the server shows a
 * certificate, and ALPN says what is spoken (RFC 7301).
 */
import type { Result } from "#model";
import type { CancelConnect, Listener } from "./plain.ts";
import type { SocketEvents, StreamSocket } from "./stream-socket.ts";
import { alpnOf, connectTls, giveOut, listenTls } from "./tls.ts";

/** What is spoken inside, by its name in ALPN. */
export type AlpnProtocol = "h2" | "http/1.1";

export interface ServerCertificate {
  /** PEM, leaf first. */
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
}

export interface TlsServeOptions {
  readonly address: string;
  readonly port: number;
  /** The newest, asked for each connection. */
  readonly certificate: () => ServerCertificate;
  readonly protocols: readonly AlpnProtocol[];
  readonly accept: (socket: StreamSocket) => SocketEvents;
  /** A caller that has not finished its handshake by then is dropped, milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** Handshakes under way at once; connections beyond are dropped. */
  readonly handshakesMax: number;
}

/** Binds at once; fails with `HDL_ENGINE_PORT_IN_USE`. A caller that names no protocol is let in: its first bytes tell. */
export function serveTls(options: TlsServeOptions): Result<Listener> {
  const ALPNProtocols = alpnOf(options.protocols);
  return listenTls({
    ...options,
    tls: () => {
      const { certificateChainPem, privateKeyPem } = options.certificate();
      return { cert: certificateChainPem, key: privateKeyPem, requestCert: false, ALPNProtocols };
    },
    // A caller shows no certificate, which the engine calls an error of its own, of a handshake that is whole.
    judge: (secured, { isWhole }) => (isWhole ? giveOut(secured, options.accept) : undefined),
  });
}

export interface AppConnectOptions {
  readonly address: string;
  readonly port: number;
  /** PEM of who may have signed the app's certificate. */
  readonly authoritiesPem: string;
  /** The name that the app's certificate must be for. */
  readonly serverName: string;
  /** What may be spoken, the best first. */
  readonly protocols: readonly AlpnProtocol[];
  /** Called once, or `onFailed` is. An app that knows no ALPN speaks HTTP/1.1. */
  readonly onOpen: (socket: StreamSocket, protocol: AlpnProtocol) => SocketEvents;
  readonly onFailed: (reason: string) => void;
}

/** Connects to an app in TLS. How long that may take is for the caller to bound, with the function that is returned. */
export function connectApp(options: AppConnectOptions): CancelConnect {
  const { authoritiesPem, serverName, protocols } = options;
  return connectTls({
    ...options,
    tls: { ca: authoritiesPem, serverName, rejectUnauthorized: true, ALPNProtocols: alpnOf(protocols) },
    judge(secured, { error }) {
      const protocol: AlpnProtocol = secured.alpnProtocol === "h2" ? "h2" : "http/1.1";
      const isSpoken = protocols.includes(protocol);
      if (secured.authorized && isSpoken) return giveOut(secured, (socket) => options.onOpen(socket, protocol));
      const detail = secured.authorized ? `it speaks ${protocol}` : "its certificate was not accepted";
      options.onFailed(error?.message ?? detail);
      return undefined;
    },
  });
}
