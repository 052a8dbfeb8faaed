/** Connections to the app: kept while the app is likely to keep them too, bounded, with a bounded queue before them. */
import { connectPlain } from "#engine/sockets";
import type { Cancel } from "#engine/time";
import type { EndReason } from "#telemetry";
import type { ProxyContext } from "../context.ts";
import { AppConnection } from "./app-connection.ts";

export interface AppWaiter {
  onConnection(connection: AppConnection): void;
  onNoConnection(reason: EndReason): void;
}

const SWEEP_MS = 1000;

export class AppPool {
  readonly #context: ProxyContext;
  readonly #address: string;
  readonly #port: number;
  readonly #connections = new Set<AppConnection>();
  /** Last used last: the most recently used are the likeliest to be open still. */
  #idle: AppConnection[] = [];
  #waiting: AppWaiter[] = [];
  #connecting = 0;
  #cancelSweep: Cancel | undefined;

  constructor(context: ProxyContext, app: { readonly address: string; readonly port: number }) {
    this.#context = context;
    this.#address = app.address;
    this.#port = app.port;
  }

  start(): void {
    this.#cancelSweep = this.#context.timers.every(SWEEP_MS, () => this.#sweep());
  }

  stop(): void {
    this.#cancelSweep?.();
    for (const connection of [...this.#connections]) connection.destroy();
    for (const waiter of this.#waiting.splice(0)) waiter.onNoConnection("draining");
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Gives a connection: a kept one at once, else a new one. `fresh` asks for one that nobody has used. */
  request(waiter: AppWaiter, fresh: boolean): void {
    const idle = fresh ? undefined : this.#idle.pop();
    if (idle !== undefined) return waiter.onConnection(idle);
    const { appConnectionsMax, pendingRequestsMax } = this.#context.limits;
    if (this.#connections.size + this.#connecting < appConnectionsMax) this.#connect(waiter);
    else if (this.#waiting.length < pendingRequestsMax) this.#waiting.push(waiter);
    else waiter.onNoConnection("overflow");
  }

  forget(waiter: AppWaiter): void {
    this.#waiting = this.#waiting.filter((each) => each !== waiter);
  }

  #connect(waiter: AppWaiter): void {
    this.#connecting++;
    const settle = (): void => {
      this.#connecting--;
      cancelTimeout();
    };
    const cancelTimeout = this.#context.timers.after(this.#context.tables.settings.connectTimeoutMs, () => {
      cancelConnect();
      settle();
      waiter.onNoConnection("app-unreachable");
      this.#serveNext();
    });
    const cancelConnect = connectPlain({
      address: this.#address,
      port: this.#port,
      onOpen: (socket) => {
        settle();
        const connection = new AppConnection(socket, this.#context, {
          onIdle: (idle) => this.#free(idle),
          onClosed: (closed) => this.#closed(closed),
        });
        this.#connections.add(connection);
        waiter.onConnection(connection);
        return connection;
      },
      onFailed: () => {
        settle();
        waiter.onNoConnection("app-unreachable");
        this.#serveNext();
      },
    });
  }

  #free(connection: AppConnection): void {
    const next = this.#waiting.shift();
    if (next !== undefined) return next.onConnection(connection);
    connection.idleSinceMs = this.#context.clock.nowMs();
    this.#idle.push(connection);
  }

  #closed(connection: AppConnection): void {
    this.#connections.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#serveNext();
  }

  #serveNext(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) this.request(next, false);
  }

  #sweep(): void {
    const oldestMs = this.#context.clock.nowMs() - this.#context.limits.appIdleTimeoutMs;
    const due = this.#idle.filter((connection) => connection.idleSinceMs <= oldestMs);
    for (const connection of due) connection.destroy();
  }
}
