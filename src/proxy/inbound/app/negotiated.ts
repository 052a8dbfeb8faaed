/** Lanes to an app in TLS that speaks either version of HTTP: which one, it says when it is first reached (RFC 7301). */
import type { SocketEvents } from "#engine/sockets";
import type { ProxyContext } from "../../context.ts";
import type { Dialer } from "./dialer.ts";
import type { AppLanes, LaneWaiter } from "./lane.ts";

const NO_EVENTS: SocketEvents = { onData: () => {}, onDrain: () => {}, onEnd: () => {}, onClose: () => {} };

interface Waiting {
  readonly waiter: LaneWaiter;
  readonly fresh: boolean;
}

export class NegotiatedLanes implements AppLanes {
  readonly #context: ProxyContext;
  readonly #dialer: Dialer;
  readonly #http1: AppLanes;
  readonly #http2: AppLanes;
  #waiting: Waiting[] = [];
  #isAsking = false;
  #isStopped = false;

  constructor(
    context: ProxyContext,
    dialer: Dialer,
    { http1, http2 }: { readonly http1: AppLanes; readonly http2: AppLanes },
  ) {
    this.#context = context;
    this.#dialer = dialer;
    this.#http1 = http1;
    this.#http2 = http2;
  }

  request(waiter: LaneWaiter, fresh: boolean): void {
    if (this.#isStopped) return waiter.onNoLane("draining");
    const lanes = this.#chosen;
    if (lanes !== undefined) return lanes.request(waiter, fresh);
    if (this.#waiting.length >= this.#context.limits.pendingRequestsMax) return waiter.onNoLane("overflow");
    this.#waiting.push({ waiter, fresh });
    this.#ask();
  }

  forget(waiter: LaneWaiter): void {
    if (this.#waiting.length > 0) this.#waiting = this.#waiting.filter((each) => each.waiter !== waiter);
    this.#http1.forget(waiter);
    this.#http2.forget(waiter);
  }

  /** The lanes themselves are stopped by who made them. */
  stop(): void {
    this.#isStopped = true;
    for (const { waiter } of this.#waiting.splice(0)) waiter.onNoLane("draining");
  }

  get #chosen(): AppLanes | undefined {
    const { chosen } = this.#dialer;
    if (chosen === undefined) return undefined;
    return chosen === "h2" ? this.#http2 : this.#http1;
  }

  /** With a connection that is only for the question, since either version begins its own in its own way. */
  #ask(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#dialer.dial(["h2", "http/1.1"], {
      onOpen: (socket) => {
        this.#isAsking = false;
        for (const { waiter, fresh } of this.#waiting.splice(0)) this.#chosen?.request(waiter, fresh);
        socket.close();
        return NO_EVENTS;
      },
      onFailed: () => {
        this.#isAsking = false;
        for (const { waiter } of this.#waiting.splice(0)) waiter.onNoLane("app-unreachable");
      },
    });
  }
}
