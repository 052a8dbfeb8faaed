/** Many connections that are open and asked for something once. */

export interface Wanted {
  readonly port: number;
  readonly path: string;
  readonly count: number;
}

export interface Connections {
  /** Of the requests. */
  readonly failed: number;
  close(): void;
}

/** Opened together, so that no queue of a listener overflows. */
const WAVE = 50;
const ANSWER_WITHIN_MS = 5000;

interface Opened {
  readonly isAnswered: boolean;
  close(): void;
}

async function open({ port, path }: Wanted): Promise<Opened> {
  const { promise: answered, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, ANSWER_WITHIN_MS, false);
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (_, bytes) => resolve(bytes.toString("latin1").startsWith("HTTP/1.1 200")),
      close: () => resolve(false),
      error: () => resolve(false),
    },
  });
  socket.write(`GET ${path} HTTP/1.1\r\nHost: back\r\n\r\n`);
  const isAnswered = await answered;
  clearTimeout(timer);
  return { isAnswered, close: () => void socket.end() };
}

/** Opens them all and waits for an answer on each; they stay open until `close`. */
export async function openConnections(wanted: Wanted): Promise<Connections> {
  const opened: Opened[] = [];
  while (opened.length < wanted.count) {
    const wave = Math.min(WAVE, wanted.count - opened.length);
    opened.push(...(await Promise.all(Array.from({ length: wave }, () => open(wanted)))));
  }
  return {
    failed: opened.filter(({ isAnswered }) => !isAnswered).length,
    close() {
      for (const each of opened) each.close();
    },
  };
}
