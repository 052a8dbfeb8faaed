import { afterEach, expect, test } from "bun:test";
import { endpointAt, startClientSide, startServerSide, stopAll } from "../fakes/proxy-pair.ts";
import { failuresIn, outcomeOf, startProgram } from "./programs.ts";

afterEach(stopAll);

test("WebSockets pass through two agents: fragments, close codes, pings, large messages", async () => {
  const server = startServerSide(await startProgram("websocket-server.mjs"));
  const client = startClientSide({ endpoints: [endpointAt(server.port)] });
  const outcome = await outcomeOf("websocket-client.mjs", client.port);
  expect(failuresIn(outcome)).toEqual([]);
  expect(Object.keys(outcome)).toHaveLength(7);
}, 60_000);
