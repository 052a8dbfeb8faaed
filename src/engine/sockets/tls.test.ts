import { expect, test } from "bun:test";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { connectApp, connectSecure } from "#engine/sockets";
import { fakeAuthority } from "../../../test/fakes/mesh-authority.ts";

/** A server that takes connections and says nothing. */
async function silentServer() {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer((socket) => {
    socket.on("error", () => undefined).resume();
    accepted.resolve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, port: (server.address() as AddressInfo).port, accepted: accepted.promise };
}

const authority = fakeAuthority();
const where = { address: "127.0.0.1", serverName: "a.example" };
const never = (): never => {
  throw new Error("nothing is to be told after a connection was given up");
};

test.each([
  [
    "another agent",
    (port: number) =>
      connectSecure({ ...where, port, material: authority.identity("shop/front"), accept: never, onFailed: never }),
  ],
  [
    "an app",
    (port: number) =>
      connectApp({
        ...where,
        port,
        authoritiesPem: authority.pem,
        protocols: ["h2"],
        onOpen: never,
        onFailed: never,
      }),
  ],
])("a connection to %s that is given up during its handshake is closed", async (_name, dial) => {
  const { server, port, accepted } = await silentServer();
  const cancel = dial(port);
  const socket = await accepted;
  const closed = new Promise<boolean>((resolve) => socket.once("close", () => resolve(true)));
  await Bun.sleep(20);
  cancel();
  expect(await Promise.race([closed, Bun.sleep(1000)])).toBe(true);
  server.close();
});
