import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { dialHttp2, type Http2Connection, type Http2SessionManager } from "#engine/http2-client";
import type { Clock } from "#engine/time";
import { decodePem, serverSpiffeId, svidDnsName, type TlsIdentity } from "#identity";
import { failure, ProblemError, problem, type Result } from "#model";
import { trustByBundle } from "./identity/server-trust.ts";

export interface ServerChannelOptions {
  /** `host:port` of the server's listener for agents; IPv6 addresses in brackets. */
  readonly server: string;
  /** The newest identity, or undefined before enrolment. */
  readonly identity: () => TlsIdentity | undefined;
  readonly clock: Pick<Clock, "nowMs">;
  /** Bounds connecting, milliseconds. Default 5 s. */
  readonly timeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 5000;
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

/**
 * The agent's way to the server for everything but its identity: one connection, shared by all calls and streams, over which both
 * ends prove who they are. It is made when it is first needed and made anew by whoever calls after it broke; callers wait between
 * attempts. Each call takes the newest identity.
 */
export class ServerChannel {
  /** For `createClient` and `XdsClient`; good for the channel's life. */
  readonly transport: Transport;
  readonly #options: ServerChannelOptions;
  readonly #stopping = new AbortController();
  #connection: Http2Connection | undefined;
  #dialling: Promise<Result<Http2Connection>> | undefined;

  constructor(options: ServerChannelOptions) {
    this.#options = options;
    const sessionManager: Http2SessionManager = {
      authority: `https://${options.server}`,
      // biome-ignore lint/complexity/useMaxParams: the library calls it with four.
      request: async (method, path, headers, streamOptions) => {
        const connected = await this.#connect();
        if (!connected.ok) throw new ProblemError(...connected.problems);
        return connected.value.sessionManager.request(method, path, headers, streamOptions);
      },
      notifyResponseByteRead: () => undefined,
    };
    this.transport = createGrpcTransport({
      baseUrl: sessionManager.authority,
      sessionManager,
      readMaxBytes: ANSWER_BYTES_MAX,
      acceptCompression: [],
    });
  }

  /** To be called when the identity was renewed: what comes next goes over a new connection, what is open ends on the old one. */
  rotate(): void {
    this.#connection?.drain();
    this.#connection = undefined;
    this.#dialling = undefined;
  }

  /** Ends every call and stream. */
  stop(): void {
    this.#stopping.abort();
    this.#connection?.close();
    this.#connection = undefined;
  }

  async #connect(): Promise<Result<Http2Connection>> {
    if (this.#connection?.isOpen === true) return { ok: true, value: this.#connection };
    const dialling = this.#dialling ?? this.#dial();
    this.#dialling = dialling;
    const connected = await dialling;
    if (this.#dialling === dialling) {
      this.#dialling = undefined;
      if (connected.ok) this.#connection = connected.value;
    }
    return connected;
  }

  async #dial(): Promise<Result<Http2Connection>> {
    const { server, clock, timeoutMs = CONNECT_TIMEOUT_MS } = this.#options;
    const identity = this.#options.identity();
    if (identity === undefined) return failure(problem("HDL_ENROLMENT_NO_IDENTITY", "The agent is not enrolled yet."));
    const { trustDomain } = identity.spiffeId;
    const authorities = identity.authoritiesPem.flatMap((pem) => decodePem("CERTIFICATE", pem));
    const colon = server.lastIndexOf(":");
    return dialHttp2({
      host: server.slice(0, colon).replace(/^\[(.*)\]$/, "$1"),
      port: Number(server.slice(colon + 1)),
      serverName: svidDnsName(serverSpiffeId(trustDomain)),
      identity,
      accept: (chain) => trustByBundle(chain, { trustDomain, authorities, sequence: 0 }, clock.nowMs()),
      timeoutMs,
      signal: this.#stopping.signal,
    });
  }
}
