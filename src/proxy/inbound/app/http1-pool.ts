/** Connections to an app that speaks HTTP/1.1: kept while the app is likely to keep them too, bounded, with a bounded queue before them. */
import type { Cancel } from "#engine/time";
import type { ProxyContext } from "../../context.ts";
import type { Dialer } from "./dialer.ts";
import { AnswerMemory, Http1Connection } from "./http1-connection.ts";
import type { AppLanes, LaneWaiter } from "./lane.ts";

const SWEEP_MS = 1000;

export class Http1Pool implements AppLanes {
  readonly #context: ProxyContext;
  readonly #dialer: Dialer;
  readonly #connections = new Set<Http1Connection>();
  readonly #answers = new AnswerMemory();
  /** Last used last: the most recently used are the likeliest to be open still. */
  #idle: Http1Connection[] = [];
  #waiting: LaneWaiter[] = [];
  #connecting = 0;
  readonly #cancelSweep: Cancel;

  constructor(context: ProxyContext, dialer: Dialer) {
    this.#context = context;
    this.#dialer = dialer;
    this.#cancelSweep = this.#context.timers.every(SWEEP_MS, () => this.#sweep());
  }

  stop(): void {
    this.#cancelSweep();
    for (const connection of [...this.#connections]) connection.destroy();
    for (const waiter of this.#waiting.splice(0)) waiter.onNoLane("draining");
  }

  /** Gives a connection: a kept one at once, else a new one. `fresh` asks for one that nobody has used. */
  request(waiter: LaneWaiter, fresh: boolean): void {
    const idle = fresh ? undefined : this.#idle.pop();
    if (idle !== undefined) return waiter.onLane(idle);
    const { appConnectionsMax, pendingRequestsMax } = this.#context.limits;
    if (this.#connections.size + this.#connecting < appConnectionsMax) this.#connect(waiter);
    else if (this.#waiting.length < pendingRequestsMax) this.#waiting.push(waiter);
    else waiter.onNoLane("overflow");
  }

  forget(waiter: LaneWaiter): void {
    if (this.#waiting.length > 0) this.#waiting = this.#waiting.filter((each) => each !== waiter);
  }

  #connect(waiter: LaneWaiter): void {
    this.#connecting++;
    this.#dialer.dial(["http/1.1"], {
      onOpen: (socket) => {
        this.#connecting--;
        const connection = new Http1Connection(socket, this.#context, {
          answers: this.#answers,
          onIdle: (idle) => this.#free(idle),
          onClosed: (closed) => this.#closed(closed),
        });
        this.#connections.add(connection);
        waiter.onLane(connection);
        return connection;
      },
      onFailed: () => {
        this.#connecting--;
        waiter.onNoLane("app-unreachable");
        this.#serveNext();
      },
    });
  }

  #free(connection: Http1Connection): void {
    const next = this.#waiting.shift();
    if (next !== undefined) return next.onLane(connection);
    connection.idleSinceMs = this.#context.deadlines.nowMs;
    this.#idle.push(connection);
  }

  #closed(connection: Http1Connection): void {
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
    const oldestMs = this.#context.deadlines.nowMs - this.#context.limits.appIdleTimeoutMs;
    const due = this.#idle.filter((connection) => connection.idleSinceMs <= oldestMs);
    for (const connection of due) connection.destroy();
  }
}
