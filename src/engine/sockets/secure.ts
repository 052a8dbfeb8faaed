/**
 * TLS 1.3 with certificates on both sides and ALPN `h2`.
 *
 * Only the engine's `authorized` counts, never that a handshake succeeded: with a client of a foreign authority the handshake is
 * reported as done. And a chain that verifies says only that *some* trusted authority signed: the caller judges the leaf itself, in
 * `accept`, before a byte is read or written.
 */
import { constants } from "node:crypto";
import { type Result, success } from "#model";
import type { CancelConnect, Listener } from "./plain.ts";
import { type Admission, PlaintextGate } from "./plaintext-gate.ts";
import type { SocketEvents, StreamSocket } from "./stream-socket.ts";
import { alpnOf, connectTls, giveOut, listenTls, type TlsSocket } from "./tls.ts";

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
  /** `unexpected-tls`: it began TLS where it was taken, or every caller is, without. */
  readonly reason: TlsRefusal | "unexpected-tls";
  /** For people: what the engine said. */
  readonly detail: string;
  readonly remoteAddress: string;
  readonly localPort: number;
  /** The leaf that was shown, DER, if there was one. */
  readonly leafDer: Uint8Array | undefined;
}

const ALPN_H2 = alpnOf(["h2"]);
/** The engine knows no least version here. Before 1.3 certificates travel in the clear, and old ciphers are to be had. */
const ONLY_TLS13 = constants.SSL_OP_NO_TLSv1 | constants.SSL_OP_NO_TLSv1_1 | constants.SSL_OP_NO_TLSv1_2;

export interface SecureListenOptions {
  readonly address: string;
  readonly port: number;
  /** The newest material, asked for each connection, so that rotation needs no new listener. */
  readonly material: () => TlsMaterial;
  /** Judges a peer by its leaf (DER); undefined refuses it. */
  readonly accept: (socket: StreamSocket, leafDer: Uint8Array) => SocketEvents | undefined;
  /** Gives the events of a connection in the clear, where such are admitted; undefined refuses it. */
  readonly acceptPlaintext: (socket: StreamSocket) => SocketEvents | undefined;
  readonly onRefused: (peer: RefusedPeer) => void;
  /** A peer that has not finished its handshake by then is dropped, milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** Handshakes under way at once; connections beyond are dropped, so that silent ones cannot pile up. */
  readonly handshakesMax: number;
}

export interface SecureListener extends Listener {
  /** Whom it hears, from the next connection on. Returns false, and changes nothing, where the system cannot tell them apart. */
  admit(admission: Admission): boolean;
}

/**
 * Binds at once; fails with `HDL_ENGINE_PORT_IN_USE`. It hears callers in TLS only until it is told otherwise, and judges each before it is
 * given out.
 */
export function listenSecure(options: SecureListenOptions): Result<SecureListener> {
  const gate = new PlaintextGate({
    accept: options.acceptPlaintext,
    onTls: ({ remoteAddress, localPort }) => {
      const detail = "the caller began TLS on a connection without";
      options.onRefused({ reason: "unexpected-tls", detail, remoteAddress, localPort, leafDer: undefined });
    },
  });
  const bound = listenTls({
    ...options,
    unsecured: (socket) => gate.takes(socket),
    tls: () => ({ ...tlsOptions(options.material()), requestCert: true, rejectUnauthorized: true }),
    judge: (secured, { error }) => judgePeer(secured, error, options),
  });
  if (!bound.ok) return bound;
  const { fd, ...listener } = bound.value;
  return success({ ...listener, admit: (admission: Admission) => gate.admit(admission, fd) });
}

function judgePeer(secured: TlsSocket, error: Error | null, options: SecureListenOptions): SocketEvents | undefined {
  if (!secured.authorized) options.onRefused(refusedPeer(secured, error));
  const leafDer = secured.authorized && secured.alpnProtocol === "h2" ? leafOf(secured) : undefined;
  return leafDer === undefined ? undefined : giveOut(secured, (socket) => options.accept(socket, leafDer));
}

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
  const refuse = (reason: TlsRefusal, detail: string): undefined => void options.onFailed(reason, detail);
  return connectTls({
    ...options,
    tls: { ...tlsOptions(options.material), rejectUnauthorized: true, serverName: options.serverName },
    judge(socket, { error }) {
      const leafDer = leafOf(socket);
      if (!socket.authorized || leafDer === undefined) return refuse(...refusalOf(error));
      if (socket.alpnProtocol !== "h2") return refuse("failed", "the peer does not speak h2");
      return giveOut(socket, (stream) => options.accept(stream, leafDer));
    },
    onFailed: (detail) => options.onFailed("failed", detail),
  });
}

function tlsOptions(material: TlsMaterial) {
  return {
    ca: [...material.authoritiesPem],
    cert: material.certificateChainPem,
    key: material.privateKeyPem,
    ALPNProtocols: ALPN_H2,
    secureOptions: ONLY_TLS13,
  };
}

function leafOf(socket: TlsSocket): Uint8Array | undefined {
  const raw = socket.getPeerCertificate()?.raw;
  return raw === undefined ? undefined : new Uint8Array(raw);
}

function refusedPeer(socket: TlsSocket, error: Error | null): RefusedPeer {
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
