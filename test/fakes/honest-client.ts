/** A caller that asks one thing after the other on a few kept connections, and counts its answers. */
import type { Socket } from "bun";

const REQUEST = "GET / HTTP/1.1\r\nhost: back\r\n\r\n";
/** The app's whole answer ends with it, and nothing before does. */
const END = "\r\n\r\nok";

export interface HonestClient {
  /** Answers of 200 so far. */
  readonly answers: number;
  /** Other answers, and connections that ended. */
  readonly failures: readonly string[];
  /** Answers a second over the next so many milliseconds. */
  rate(milliseconds: number): Promise<number>;
  stop(): void;
}

export async function honestClient(port: number, connections: number): Promise<HonestClient> {
  const failures: string[] = [];
  let answers = 0;
  let isStopped = false;
  const take = (text: string): void => {
    if (text.startsWith("HTTP/1.1 200")) answers++;
    else failures.push(text);
  };
  const open = async (): Promise<Socket> => {
    let text = "";
    return Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => void socket.write(REQUEST),
        data(socket, bytes) {
          text += bytes.toString("latin1");
          if (text.startsWith("HTTP/1.1 200") && !text.endsWith(END)) return;
          take(text);
          text = "";
          if (!isStopped) socket.write(REQUEST);
        },
        close: () => void (isStopped || failures.push("closed")),
        error: () => undefined,
      },
    });
  };
  const sockets = await Promise.all(Array.from({ length: connections }, open));
  return {
    get answers() {
      return answers;
    },
    failures,
    async rate(milliseconds) {
      const [before, startedMs] = [answers, performance.now()];
      await Bun.sleep(milliseconds);
      return ((answers - before) * 1000) / (performance.now() - startedMs);
    },
    stop() {
      isStopped = true;
      for (const socket of sockets) socket.end();
    },
  };
}
