/**
 * Callers that ask once and then stay. Its argument is a port; each line of its input is how many more are to come, which it answers,
 * when they have been answered, with how many are open.
 */
import { createInterface } from "node:readline";
import type { IdlersReport } from "./reports.ts";

const port = Number(process.argv[2]);
/** Opened together, so that no queue of a listener overflows. */
const WAVE = 100;
let open = 0;
let unanswered = 0;

function join(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  void Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open(socket) {
        open++;
        socket.write("GET / HTTP/1.1\r\nhost: back\r\n\r\n");
      },
      data: (_socket, bytes) => {
        if (!bytes.toString("latin1").startsWith("HTTP/1.1 200")) unanswered++;
        resolve();
      },
      close() {
        open--;
        resolve();
      },
      connectError() {
        unanswered++;
        resolve();
      },
    },
  }).catch(() => undefined);
  return promise;
}

for await (const line of createInterface({ input: process.stdin })) {
  for (let left = Number(line); left > 0; left -= WAVE) {
    await Promise.all(Array.from({ length: Math.min(WAVE, left) }, join));
  }
  console.log(JSON.stringify({ open, unanswered } satisfies IdlersReport));
}
process.exit(0);
