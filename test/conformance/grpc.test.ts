import { afterEach, expect, test } from "bun:test";
import { endpointAt, startClientSide, startServerSide, stopAll } from "../fakes/proxy-pair.ts";
import { failuresIn, outcomeOf, startProgram } from "./programs.ts";

afterEach(stopAll);

test.each(["auto", "grpc"] as const)(
  "gRPC's interoperability cases pass through two agents, the service being declared as %s",
  async (protocol) => {
    const server = startServerSide(await startProgram("grpc-server.mjs"), { protocol });
    const client = startClientSide({ endpoints: [endpointAt(server.port)], protocol });
    const outcome = await outcomeOf("grpc-client.mjs", client.port);
    expect(failuresIn(outcome)).toEqual([]);
    expect(Object.keys(outcome)).toHaveLength(17);
  },
  60_000,
);
