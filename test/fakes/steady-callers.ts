/**
 * Callers that ask one GET after the other on kept connections, as HTTP clients do: a connection that says `close` is given up, one that
 * ends before a byte of its answer came is asked again on another (RFC 9112 §9.3.1), and a place that refuses is left for the next.
 */
import type { Socket } from "bun";

export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface Tally {
  /** Answers of 200. */
  readonly answered: number;
  /** Everything else that a request came to. */
  readonly lost: readonly string[];
  /** Requests asked again because their kept connection had just been closed. */
  readonly askedAgain: number;
  /** Longest time that one request took, milliseconds. */
  readonly slowestMs: number;
}

const ANSWER_WITHIN_MS = 10_000;

type Outcome =
  | { readonly kind: "answer"; readonly status: number; readonly closes: boolean }
  /** The kept connection had been closed before a byte of the answer came. */
  | { readonly kind: "stale" }
  | { readonly kind: "failed"; readonly why: string };

/** One kept connection, on which one request is under way at a time. */
class Connection {
  readonly #socket: Socket<Connection>;
  #text = "";
  #isClosed = false;
  #asked = 0;
  #settle: ((outcome: Outcome) => void) | undefined;

  private constructor(socket: Socket<Connection>) {
    this.#socket = socket;
  }

  /** Undefined where nobody listens. */
  static to({ host, port }: Place): Promise<Connection | undefined> {
    const { promise, resolve } = Promise.withResolvers<Connection | undefined>();
    Bun.connect<Connection>({
      hostname: host,
      port,
      socket: {
        open(socket) {
          socket.data = new Connection(socket);
          resolve(socket.data);
        },
        data: (socket, bytes) => socket.data.#read(bytes.toString("latin1")),
        close: (socket) => socket.data.#ended(),
        error: () => undefined,
      },
    }).catch(() => resolve(undefined));
    return promise;
  }

  ask(host: string): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.#text = "";
    this.#asked++;
    const timer = setTimeout(() => this.#give({ kind: "failed", why: "no answer" }), ANSWER_WITHIN_MS);
    this.#settle = (outcome) => {
      clearTimeout(timer);
      resolve(outcome);
    };
    if (this.#isClosed) this.#ended();
    else this.#socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    return promise;
  }

  close(): void {
    this.#socket.end();
  }

  #read(text: string): void {
    this.#text += text;
    const headEnd = this.#text.indexOf("\r\n\r\n");
    if (headEnd < 0) return;
    const head = this.#text.slice(0, headEnd).toLowerCase();
    const length = Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? 0);
    if (this.#text.length < headEnd + 4 + length) return;
    this.#give({ kind: "answer", status: Number(head.slice(9, 12)), closes: /\r\nconnection: *close/.test(head) });
  }

  #ended(): void {
    this.#isClosed = true;
    const isStale = this.#asked > 1 && this.#text === "";
    this.#give(isStale ? { kind: "stale" } : { kind: "failed", why: "cut off" });
  }

  #give(outcome: Outcome): void {
    this.#settle?.(outcome);
    this.#settle = undefined;
  }
}

/** Starts so many callers, spread over the places. The tally is told once they are stopped. */
export function steadyCallers(places: readonly Place[], count: number): () => Promise<Tally> {
  const lost: string[] = [];
  let [answered, askedAgain, slowestMs, isOver] = [0, 0, 0, false];

  const connect = async (from: number): Promise<Connection> => {
    for (let turn = 0; ; turn++) {
      const place = places[(from + turn) % places.length] as Place;
      const connection = await Connection.to(place);
      if (connection !== undefined) return connection;
      if (turn % places.length === places.length - 1) await Bun.sleep(5);
    }
  };

  /** One request to its end; the connection, while it is kept. */
  const request = async (index: number, kept: Connection | undefined): Promise<Connection | undefined> => {
    const connection = kept ?? (await connect(index));
    const outcome = await connection.ask("back");
    if (outcome.kind === "stale") {
      askedAgain++;
      return request(index + askedAgain, undefined);
    }
    if (outcome.kind === "answer" && outcome.status === 200) answered++;
    else lost.push(outcome.kind === "failed" ? outcome.why : String(outcome.status));
    if (outcome.kind === "answer" && !outcome.closes) return connection;
    connection.close();
    return undefined;
  };

  const caller = async (index: number): Promise<void> => {
    let connection: Connection | undefined;
    while (!isOver) {
      const startedMs = performance.now();
      connection = await request(index, connection);
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    }
    connection?.close();
  };

  const callers = Array.from({ length: count }, (_, index) => caller(index));
  return async () => {
    isOver = true;
    await Promise.all(callers);
    return { answered, lost, askedAgain, slowestMs };
  };
}
