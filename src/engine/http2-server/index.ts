/**
 * An HTTP/2 listener over TLS 1.3 that asks every client for a certificate and lets its owner judge it. The gRPC server library
 * answers the requests. A client without a certificate is let in when its owner says so: it has to be able to ask for one.
 */
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import { createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { failure, problem, type Result, success } from "#model";

export interface ServedIdentity {
  /** PEM, leaf first. */
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
}

/** The other end of a connection, before it is judged. */
export interface ConnectionFacts {
  readonly address: string;
  /** The certificate whose key the client proved to hold; undefined when it showed none. Nothing has vouched for it yet. */
  readonly leafDer: Uint8Array | undefined;
}

export interface AdmittedPeer<Peer> {
  readonly peer: Peer;
  /** The connection is ended after so long, milliseconds: an identity holds no longer than its certificate. */
  readonly lifetimeMs: number;
}

export interface Http2ServerOptions<Peer> {
  readonly address: string;
  readonly port: number;
  readonly identity: ServedIdentity;
  /** Judges a client, once a connection, before any of its requests is looked at. A failure ends the connection. */
  readonly admit: (connection: ConnectionFacts) => Result<AdmittedPeer<Peer>>;
  readonly answer: (request: Http2ServerRequest, response: Http2ServerResponse, peer: Peer) => void;
}

export interface Http2Server<Peer = unknown> {
  readonly port: number;
  /** Ends every connection of peers that are not wanted any more. */
  expel(isUnwanted: (peer: Peer) => boolean): void;
  /** New connections are shown this identity. */
  rotate(identity: ServedIdentity): void;
  /** Accepts nothing more, lets open streams end for `graceMs`, then closes every connection. */
  stop(graceMs: number): Promise<void>;
}

/** One stream of discovery, a few calls beside it. */
const STREAMS_MAX = 32;
const HEADER_LIST_BYTES_MAX = 16_384;
const CONNECTIONS_MAX = 20_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Node's timers hold no more. */
const TIMER_MS_MAX = 2_147_483_647;

/** Binds. Fails with `HDL_ENGINE_PORT_IN_USE`. */
export async function serveHttp2<Peer>(options: Http2ServerOptions<Peer>): Promise<Result<Http2Server<Peer>>> {
  let context = contextOf(options.identity);
  const peers = new WeakMap<ServerHttp2Session, Peer>();
  const sessions = new Set<ServerHttp2Session>();
  const server = createSecureServer({
    cert: options.identity.certificateChainPem,
    key: options.identity.privateKeyPem,
    minVersion: "TLSv1.3",
    ALPNProtocols: ["h2"],
    requestCert: true,
    // Joining agents have no certificate; one that is shown is judged by `admit`.
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    settings: { maxConcurrentStreams: STREAMS_MAX, maxHeaderListSize: HEADER_LIST_BYTES_MAX, enablePush: false },
    SNICallback: (_name, done) => done(null, context),
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.on("session", (session) => admitSession({ session, sessions, peers }, options.admit));
  server.on("request", (request, response) => {
    const { session } = request.stream;
    const peer = session === undefined ? undefined : peers.get(session as ServerHttp2Session);
    if (peer === undefined) request.stream.close();
    else options.answer(request, response, peer);
  });
  // A client that gives up a handshake or breaks the protocol is its own affair.
  server.on("sessionError", () => undefined);
  server.on("tlsClientError", () => undefined);
  const bound = await listen(server, options);
  if (!bound.ok) return bound;
  return success({
    port: bound.value,
    rotate(identity) {
      context = contextOf(identity);
    },
    expel(isUnwanted) {
      for (const session of [...sessions]) {
        const peer = peers.get(session);
        if (peer !== undefined && isUnwanted(peer)) session.destroy();
      }
    },
    stop: (graceMs) => stop(server, sessions, graceMs),
  });
}

function contextOf({ certificateChainPem, privateKeyPem }: ServedIdentity): SecureContext {
  return createSecureContext({ cert: certificateChainPem, key: privateKeyPem, minVersion: "TLSv1.3" });
}

interface Admission<Peer> {
  readonly session: ServerHttp2Session;
  readonly sessions: Set<ServerHttp2Session>;
  readonly peers: WeakMap<ServerHttp2Session, Peer>;
}

function admitSession<Peer>(admission: Admission<Peer>, admit: Http2ServerOptions<Peer>["admit"]): void {
  const { session, sessions, peers } = admission;
  session.on("error", () => undefined);
  const socket = session.socket as TLSSocket;
  const leaf = socket.getPeerCertificate() as { readonly raw?: Uint8Array } | undefined;
  const admitted = admit({ address: socket.remoteAddress ?? "", leafDer: leaf?.raw });
  if (!admitted.ok) {
    session.destroy();
    return;
  }
  peers.set(session, admitted.value.peer);
  sessions.add(session);
  const lifetimeMs = Math.min(Math.max(admitted.value.lifetimeMs, 0), TIMER_MS_MAX);
  const timer = setTimeout(() => session.destroy(), lifetimeMs);
  session.once("close", () => {
    clearTimeout(timer);
    sessions.delete(session);
  });
}

function listen(
  server: Http2SecureServer,
  { address, port }: { readonly address: string; readonly port: number },
): Promise<Result<number>> {
  const { promise, resolve } = Promise.withResolvers<Result<number>>();
  server.once("error", (cause) =>
    resolve(
      failure(problem("HDL_ENGINE_PORT_IN_USE", `Cannot listen on ${address}:${port}: ${cause.message}.`, { cause })),
    ),
  );
  server.listen(port, address, () => {
    const bound = server.address();
    resolve(success(typeof bound === "object" && bound !== null ? bound.port : port));
  });
  return promise;
}

function stop(server: Http2SecureServer, sessions: ReadonlySet<ServerHttp2Session>, graceMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    for (const session of sessions) session.destroy();
    resolve();
  }, graceMs);
  server.close(() => {
    clearTimeout(timer);
    resolve();
  });
  for (const session of sessions) session.close();
  return promise;
}
