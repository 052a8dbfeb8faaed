/** Connections to the app: plain, or in TLS where the app asks for it, within the time that connecting may take. */
import { type AlpnProtocol, connectApp, connectPlain, type SocketEvents, type StreamSocket } from "#engine/sockets";
import type { ProxyContext } from "../../context.ts";

export interface AppAddress {
  readonly address: string;
  readonly port: number;
  /** How an app that speaks TLS is known; undefined for one that speaks in the clear. */
  readonly tls?: AppTls;
}

export interface AppTls {
  /** PEM of who may have signed the app's certificate. */
  readonly authoritiesPem: string;
  /** The name that the certificate must be for. */
  readonly serverName: string;
}

/** One of the two is called, once. */
export interface DialOutcome {
  /** `protocol` is what was asked for, or in TLS what the app chose of it. */
  readonly onOpen: (socket: StreamSocket, protocol: AlpnProtocol) => SocketEvents;
  readonly onFailed: () => void;
}

export class Dialer {
  readonly #context: ProxyContext;
  readonly #app: AppAddress;
  #chosen: AlpnProtocol | undefined;

  constructor(context: ProxyContext, app: AppAddress) {
    this.#context = context;
    this.#app = app;
  }

  get isTls(): boolean {
    return this.#app.tls !== undefined;
  }

  /** What the app chose when it was last reached in TLS; undefined until then, and after it could not be reached. */
  get chosen(): AlpnProtocol | undefined {
    return this.#chosen;
  }

  /** For a request, in one of the protocols, the best first. */
  dial(protocols: readonly [AlpnProtocol, ...AlpnProtocol[]], outcome: DialOutcome): void {
    const { tls } = this.#app;
    if (tls === undefined)
      return this.dialBytes({ ...outcome, onOpen: (socket) => outcome.onOpen(socket, protocols[0]) });
    this.#bounded(outcome, ({ onOpen, onFailed }) =>
      connectApp({
        ...this.#app,
        ...tls,
        protocols,
        onOpen: (socket, protocol) => {
          this.#chosen = protocol;
          return onOpen(socket, protocol);
        },
        onFailed: () => {
          this.#chosen = undefined;
          onFailed();
        },
      }),
    );
  }

  /** For bytes as they are: TLS of the caller's own passes through. */
  dialBytes(outcome: { readonly onOpen: (socket: StreamSocket) => SocketEvents; readonly onFailed: () => void }): void {
    this.#bounded({ ...outcome, onOpen: (socket) => outcome.onOpen(socket) }, ({ onOpen, onFailed }) =>
      connectPlain({ ...this.#app, onOpen: (socket) => onOpen(socket, "http/1.1"), onFailed }),
    );
  }

  #bounded(outcome: DialOutcome, connect: (outcome: DialOutcome) => () => void): void {
    const { timers, tables } = this.#context;
    const cancelTimeout = timers.after(tables.settings.connectTimeoutMs, () => {
      cancelConnect();
      outcome.onFailed();
    });
    const cancelConnect = connect({
      onOpen: (socket, protocol) => {
        cancelTimeout();
        return outcome.onOpen(socket, protocol);
      },
      onFailed: () => {
        cancelTimeout();
        outcome.onFailed();
      },
    });
  }
}
