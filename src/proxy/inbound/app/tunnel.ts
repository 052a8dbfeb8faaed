/** Bytes to and from the app as they are: what is inside a `CONNECT` stream (RFC 9113 §8.5). */
import type { SocketEvents, StreamSocket } from "#engine/sockets";
import type { FieldList } from "#wire/fields";
import type { ProxyContext } from "../../context.ts";
import { GatheredOutput } from "../../gathered-output.ts";
import { LastBytes } from "../../last-bytes.ts";
import type { Dialer } from "./dialer.ts";
import type { AppLane, AppLanes, AppUser, LaneWaiter } from "./lane.ts";

const ESTABLISHED: FieldList = [":status", "200"];

class Tunnel implements AppLane, SocketEvents {
  readonly #socket: StreamSocket;
  readonly #output: GatheredOutput;
  readonly #onClosed: (tunnel: Tunnel) => void;
  #user: AppUser | undefined;
  readonly #lastBytes: LastBytes;
  #isAppDone = false;
  #isUserDone = false;
  #isClosed = false;

  constructor(socket: StreamSocket, context: ProxyContext, onClosed: (tunnel: Tunnel) => void) {
    this.#socket = socket;
    this.#onClosed = onClosed;
    this.#lastBytes = new LastBytes(context, () => this.destroy());
    this.#output = new GatheredOutput(socket, context.flusher, () => this.#user?.onAppDrained());
  }

  get pending(): number {
    return this.#output.pending;
  }

  begin(user: AppUser): void {
    this.#user = user;
    user.onAppHead({ status: 200, fields: [...ESTABLISHED], kind: "switched", isWhole: false });
  }

  body(data: Uint8Array): void {
    this.#output.bytes(data);
  }

  endBody(): void {
    this.#isUserDone = true;
    this.#output.end();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** After both ends the last bytes are still sent, however slowly the app reads them; before, what is left is worth nothing. */
  abandon(): void {
    this.#user = undefined;
    this.#output.flush();
    if (this.#isAppDone && this.#isUserDone && this.#output.pending > 0) return this.#lastBytes.start();
    if (this.#isAppDone) this.#socket.close();
    else this.#socket.destroy();
    this.onClose();
  }

  destroy(): void {
    this.#socket.destroy();
    this.onClose();
  }

  onData(bytes: Buffer): void {
    if (this.#user?.onAppBody(bytes) === false) this.#socket.pause();
  }

  onDrain(): void {
    this.#lastBytes.moved();
    this.#output.drained();
  }

  onEnd(): void {
    this.#isAppDone = true;
    this.#user?.onAppEnd([]);
  }

  onClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#lastBytes.stop();
    this.#onClosed(this);
    const user = this.#user;
    this.#user = undefined;
    user?.onAppFailed("upstream-connection-terminated", false);
  }
}

/** A connection of its own for each tunnel. */
export class Tunnels implements AppLanes {
  readonly #context: ProxyContext;
  readonly #dialer: Dialer;
  readonly #open = new Set<Tunnel>();
  #connecting = 0;

  constructor(context: ProxyContext, dialer: Dialer) {
    this.#context = context;
    this.#dialer = dialer;
  }

  request(waiter: LaneWaiter): void {
    if (this.#open.size + this.#connecting >= this.#context.limits.tunnelsMax) return waiter.onNoLane("overflow");
    this.#connecting++;
    this.#dialer.dialBytes({
      onOpen: (socket) => {
        this.#connecting--;
        const tunnel = new Tunnel(socket, this.#context, (closed) => this.#open.delete(closed));
        this.#open.add(tunnel);
        waiter.onLane(tunnel);
        return tunnel;
      },
      onFailed: () => {
        this.#connecting--;
        waiter.onNoLane("app-unreachable");
      },
    });
  }

  /** One that is being made ends when it is there: its request is over by then. */
  forget(): void {}

  stop(): void {
    for (const tunnel of [...this.#open]) tunnel.destroy();
  }
}
