import { afterEach, expect, test } from "bun:test";
import { canConnect, isGrpcServing } from "#engine/probe";
import { stopAll } from "../fakes/proxy-pair.ts";
import { freePort } from "../fakes/running-mesh.ts";
import { startProgram } from "./programs.ts";

afterEach(stopAll);

const ask = (port: number, service = "") =>
  isGrpcServing("127.0.0.1", port, { service, isTls: false, timeoutMs: 1000 });

test.each([
  ["serves", "SERVING", "", true],
  ["serves a service", "SERVING", "shop.Cart", true],
  ["does not serve", "NOT_SERVING", "", false],
  ["does not know the service", "SERVING", "unknown", false],
  ["never answers", "SERVING", "silent", false],
])("a server that %s", async (_name, status, service, isServing) => {
  const port = await startProgram("grpc-health-server.mjs", status);
  expect(await ask(port, service)).toBe(isServing);
  // It was left in order, and goes on.
  expect(await ask(port)).toBe(status === "SERVING");
});

test("no server, and one of something else", async () => {
  const nobody = await freePort();
  expect(await ask(nobody)).toBe(false);
  const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hello") });
  try {
    expect(await ask(other.port ?? 0)).toBe(false);
    expect(await canConnect("127.0.0.1", other.port ?? 0, 1000)).toBe(true);
  } finally {
    await other.stop(true);
  }
});
