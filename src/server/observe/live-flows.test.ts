import { expect, test } from "bun:test";
import Fastify from "fastify";
import type { ObservedRequest } from "#telemetry";
import { FakeTime } from "../../../test/fakes/time.ts";
import { LiveFlows } from "./live-flows.ts";

const PARTY = { namespace: "shop", workload: "a", instance: "a-1", principal: "", service: "a", version: "" };
const SAMPLE: ObservedRequest = {
  edge: { reporter: "source", source: PARTY, destination: PARTY, protocol: "http", mtls: true },
  kept: "flow",
  traceId: "",
  spanId: "",
  parentSpanId: "",
  receivedUs: 1000,
  chosenUs: 1000,
  sentUs: 1000,
  firstByteUs: 1000,
  doneUs: 2000,
  status: 200,
  endReason: "completed",
  requestBytes: 0,
  responseBytes: 0,
  method: "GET",
  path: "/",
  authority: "",
  verdict: "allow",
  policy: "",
  rule: -1,
  observedVerdict: "none",
  observedPolicy: "",
  audits: [],
};

function setUp() {
  const listeners = new Set<(sample: ObservedRequest) => void>();
  const onSample = (listener: (sample: ObservedRequest) => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const tell = (sample: ObservedRequest): void => {
    for (const listener of listeners) listener(sample);
  };
  return { live: new LiveFlows({ onSample }, new FakeTime()), tell };
}

test("flows pass over a real connection as they come, and a reader that leaves is forgotten", async () => {
  const { live, tell } = setUp();
  const app = Fastify();
  app.get("/live", (_, reply) => reply.type("application/x-ndjson").send(live.stream({})));
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  const leaving = new AbortController();
  const fetching = fetch(`${url}/live`, { signal: leaving.signal });
  while (live.open === 0) await Bun.sleep(5);
  tell(SAMPLE);
  const reader = (await fetching).body!.getReader();
  const text = new TextDecoder().decode((await reader.read()).value);
  expect(JSON.parse(text)).toMatchObject({ source: "shop/a", durationMs: 1 });
  leaving.abort();
  for (let wait = 0; live.open > 0 && wait < 100; wait++) {
    tell(SAMPLE);
    await Bun.sleep(10);
  }
  expect(live.open).toBe(0);
  await app.close();
});

test("a reader that does not read holds no more than its bound, and is told what it missed", async () => {
  const { live, tell } = setUp();
  const reader = live.stream({})!.getReader();
  for (let index = 0; index < 1500; index++) tell(SAMPLE);
  for (let index = 0; index < 1000; index++) await reader.read();
  tell(SAMPLE);
  const next = new TextDecoder().decode((await reader.read()).value);
  expect(JSON.parse(next)).toEqual({ missed: 500 });
  await reader.cancel();
});
