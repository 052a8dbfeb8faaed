/** The connection to an app that speaks HTTP/2, by prior knowledge (RFC 9113 §3.3) or chosen in TLS (§3.2), shared by all requests. */
import type { Cancel } from "#engine/time";
import type { EndReason } from "#telemetry";
import type { ProxyContext } from "../../context.ts";
import { Link } from "../../link.ts";
import type { Dialer } from "./dialer.ts";
import { Http2AppStream } from "./http2-stream.ts";
import type { AppLanes, LaneWaiter } from "./lane.ts";

export class Http2Pool implements AppLanes {
  readonly #context: ProxyContext;
  readonly #dialer: Dialer;
  #state: "idle" | "connecting" | "stopped" = "idle";
  #ready: Link | undefined;
  /** Connected, but its app has not said yet what it takes. */
  #unsettled: Link | undefined;
  #cancelAwait: Cancel | undefined;
  readonly #links = new Set<Link>();
  #waiting: LaneWaiter[] = [];

  constructor(context: ProxyContext, dialer: Dialer) {
    this.#context = context;
    this.#dialer = dialer;
  }

  request(waiter: LaneWaiter): void {
    if (this.#state === "stopped") return waiter.onNoLane("draining");
    if (this.#waiting.length >= this.#context.limits.pendingRequestsMax) return waiter.onNoLane("overflow");
    this.#waiting.push(waiter);
    this.#serve();
  }

  forget(waiter: LaneWaiter): void {
    if (this.#waiting.length > 0) this.#waiting = this.#waiting.filter((each) => each !== waiter);
  }

  /** any → stopped. */
  stop(): void {
    this.#state = "stopped";
    for (const waiter of this.#waiting.splice(0)) waiter.onNoLane("draining");
    for (const link of [...this.#links]) link.destroy();
    this.#cancelAwait?.();
  }

  /** Those that wait are served while the app takes more streams; a connection that takes no more at all is replaced. */
  #serve(): void {
    while (this.#waiting.length > 0) {
      const link = this.#ready;
      if (link === undefined) return this.#connect();
      if (!link.session.hasCapacity) return;
      const next = this.#waiting.shift() as LaneWaiter;
      next.onLane(new Http2AppStream(link, this.#dialer.isTls ? "https" : "http", () => this.#serve()));
    }
  }

  /** idle → connecting → idle. */
  #connect(): void {
    if (this.#state !== "idle") return;
    this.#state = "connecting";
    this.#dialer.dial(["h2"], {
      onOpen: (socket) => {
        const link = new Link(socket, {
          role: "client",
          to: "app",
          context: this.#context,
          onStream: () => undefined,
          // Before its settings are known it could be asked for more than it takes, or for what it does not (RFC 8441 §3).
          onSettings: (settled) => this.#settled(settled),
          onDraining: (draining) => this.#forgetReady(draining),
          onClosed: (closed) => {
            this.#links.delete(closed);
            this.#forgetReady(closed);
            if (closed === this.#unsettled) this.#failed("upstream-protocol-error");
          },
        });
        this.#links.add(link);
        if (this.#state === "stopped") link.destroy();
        else this.#await(link);
        return link;
      },
      onFailed: () => this.#failed("app-unreachable"),
    });
  }

  /** An app that takes a connection and says nothing is asked anew by those that come later. */
  #await(link: Link): void {
    this.#unsettled = link;
    const { timers, tables } = this.#context;
    this.#cancelAwait = timers.after(tables.settings.connectTimeoutMs, () => link.destroy());
  }

  #settled(link: Link): void {
    if (this.#unsettled !== link) return;
    this.#cancelAwait?.();
    this.#unsettled = undefined;
    this.#state = "idle";
    this.#ready = link;
    this.#serve();
  }

  #failed(reason: EndReason): void {
    this.#cancelAwait?.();
    this.#unsettled = undefined;
    if (this.#state === "connecting") this.#state = "idle";
    for (const waiter of this.#waiting.splice(0)) waiter.onNoLane(reason);
  }

  #forgetReady(link: Link): void {
    if (this.#ready !== link) return;
    this.#ready = undefined;
    this.#serve();
  }
}
