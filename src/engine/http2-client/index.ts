/**
 * One HTTP/2 connection over TLS 1.3 to a server whose identity the caller judges itself, before a byte is written. The gRPC
 * client library sends its requests through it.
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  type OutgoingHttpHeaders,
} from "node:http2";
import { connect as connectTls, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import { failure, problem, type Result, success } from "#model";

export interface Http2Dial {
  readonly host: string;
  readonly port: number;
  /** Name sent in the TLS hello. It is not what the server is judged by. */
  readonly serverName: string;
  /** What to show when the server asks who calls. */
  readonly identity?: { readonly certificateChainPem: string; readonly privateKeyPem: string };
  /** Judges the server's certificates, DER, leaf first, whose leaf's key the server has proved to hold. Nothing else vouches for it. */
  readonly accept: (chain: readonly Uint8Array[]) => Result<unknown>;
  /** Bounds connecting and the TLS handshake together, milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface Http2Connection {
  /** Opens a stream: the interface that `@connectrpc/connect-node` takes as session manager. */
  readonly sessionManager: Http2SessionManager;
  readonly isOpen: boolean;
  /** Runs once when the connection has ended, for whatever reason; at once if it has. */
  onClose(run: () => void): void;
  /** Ends every stream and the connection. */
  close(): void;
  /** Opens no new stream and closes when the open ones have ended. */
  drain(): void;
}

export interface Http2SessionManager {
  readonly authority: string;
  request(method: string, path: string, headers: OutgoingHttpHeaders, options: object): Promise<ClientHttp2Stream>;
  notifyResponseByteRead(stream: ClientHttp2Stream): void;
}

const CHAIN_LENGTH_MAX = 8;
/** A dead peer is noticed within the sum of both. */
const PING_EVERY_MS = 10_000;
const PING_TIMEOUT_MS = 5000;
/** One frame of a snapshot may be large; the peer's header lists may not. */
const SETTINGS = { enablePush: false, initialWindowSize: 1_048_576, maxHeaderListSize: 16_384 } as const;

/**
 * Connects. Fails with `HDL_ENGINE_UNREACHABLE` when there is no connection in time or TLS 1.3 with h2 cannot be agreed on, and with
 * the problem of `accept` when that refuses the server.
 */
export async function dialHttp2(dial: Http2Dial): Promise<Result<Http2Connection>> {
  const secured = await secure(dial);
  if (!secured.ok) return secured;
  const socket = secured.value;
  const accepted =
    socket.alpnProtocol === "h2" ? dial.accept(chainOf(socket)) : unreachable(dial, "it does not speak h2");
  if (!accepted.ok) {
    socket.destroy();
    return accepted;
  }
  const authority = `https://${dial.host.includes(":") ? `[${dial.host}]` : dial.host}:${dial.port}`;
  const session = connectHttp2(authority, { createConnection: () => socket, settings: SETTINGS });
  return success(connectionOf(session, authority));
}

function secure(dial: Http2Dial): Promise<Result<TLSSocket>> {
  const { promise, resolve } = Promise.withResolvers<Result<TLSSocket>>();
  const { identity, signal, host, port } = dial;
  if (signal?.aborted === true) return Promise.resolve(unreachable(dial, "it was given up"));
  const socket = connectTls({
    host,
    port,
    servername: dial.serverName,
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.3",
    // Roots known to the machine say nothing about an SVID: `accept` judges the chain before anything is written.
    rejectUnauthorized: false,
    ...(identity === undefined ? {} : { cert: identity.certificateChainPem, key: identity.privateKeyPem }),
  });
  const settle = (result: Result<TLSSocket>): void => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    if (!result.ok) socket.destroy();
    resolve(result);
  };
  const abort = (): void => settle(unreachable(dial, "it was given up"));
  const timer = setTimeout(() => settle(unreachable(dial, `no answer in ${dial.timeoutMs} ms`)), dial.timeoutMs);
  signal?.addEventListener("abort", abort, { once: true });
  socket.once("secureConnect", () => settle(success(socket)));
  socket.once("close", () => settle(unreachable(dial, "it closed the connection")));
  // Stays for the socket's life: an error without a listener would end the process.
  socket.on("error", (cause) => settle(unreachable(dial, cause.message, cause)));
  return promise;
}

function chainOf(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  const seen = new Set<string>();
  let each: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (each?.raw !== undefined && !seen.has(each.fingerprint256) && chain.length < CHAIN_LENGTH_MAX) {
    seen.add(each.fingerprint256);
    chain.push(each.raw);
    each = each.issuerCertificate;
  }
  return chain;
}

function connectionOf(session: ClientHttp2Session, authority: string): Http2Connection {
  // Each request meets the error on its own stream; the session's own event only must not be unheard.
  session.on("error", () => undefined);
  keepAlive(session);
  return {
    sessionManager: {
      authority,
      // biome-ignore lint/complexity/useMaxParams: the library calls it with four.
      async request(method, path, headers, options) {
        return session.request({ ...headers, ":method": method, ":path": path }, options);
      },
      notifyResponseByteRead: () => undefined,
    },
    get isOpen() {
      return !session.closed && !session.destroyed;
    },
    onClose(run) {
      if (session.destroyed) run();
      else session.once("close", run);
    },
    close: () => session.destroy(),
    drain: () => session.close(),
  };
}

/** A peer that vanished without a word would otherwise hold its streams for ever. */
function keepAlive(session: ClientHttp2Session): void {
  let isAnswered = true;
  const pings = setInterval(() => {
    isAnswered = false;
    const late = setTimeout(() => {
      if (!isAnswered) session.destroy();
    }, PING_TIMEOUT_MS);
    const sent = session.ping(() => {
      isAnswered = true;
      clearTimeout(late);
    });
    if (!sent) clearTimeout(late);
  }, PING_EVERY_MS);
  session.once("close", () => clearInterval(pings));
}

function unreachable({ host, port }: Http2Dial, why: string, cause?: unknown): Result<never> {
  return failure(problem("HDL_ENGINE_UNREACHABLE", `${host}:${port} cannot be reached: ${why}.`, { cause }));
}
