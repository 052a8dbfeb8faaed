import { afterEach, expect, test } from "bun:test";
import { type AddressInfo, createServer } from "node:net";
import { endpointAt, startClientSide, startServerSide, stopAll, stops } from "../fakes/proxy-pair.ts";
import { outcomeOf } from "./programs.ts";

afterEach(stopAll);

const SIZE = 64 * 1024 * 1024;
/** What two kernels and two agents hold for a connection at the most. */
const HELD_MAX = 24 * 1024 * 1024;

test("a caller that does not read holds the app back, and gets every byte once it does", async () => {
  let written = 0;
  const app = createServer((socket) => {
    const chunk = Buffer.alloc(64 * 1024, 7);
    const more = (): void => {
      while (written < SIZE) {
        written += chunk.length;
        if (!socket.write(chunk)) {
          socket.once("drain", more);
          return;
        }
      }
      socket.end();
    };
    socket.on("error", () => undefined);
    more();
  });
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  stops.push(() => app.close());
  const server = startServerSide((app.address() as AddressInfo).port, { protocol: "tcp" });
  const client = startClientSide({ endpoints: [endpointAt(server.port)], protocol: "tcp" });
  const outcome = outcomeOf("slow-reader.mjs", client.port);
  await Bun.sleep(400);
  expect(written).toBeLessThan(HELD_MAX);
  expect(await outcome).toEqual({ bytes: String(SIZE) });
}, 20_000);
