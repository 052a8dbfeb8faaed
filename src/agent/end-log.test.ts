import { expect, test } from "bun:test";
import type { EdgeKey, EndReason } from "#telemetry";
import { Recorder, RequestRecord } from "#telemetry/record";
import { FakeTime } from "../../test/fakes/time.ts";
import { EndLog, type EndLogOptions } from "./end-log.ts";

const party = (instance: string) => ({
  namespace: "shop",
  workload: instance,
  instance,
  principal: "",
  service: instance,
  version: "",
});
const edgeTo = (instance: string): EdgeKey => ({
  reporter: "source",
  source: party("front-1"),
  destination: party(instance),
  protocol: "http",
  mtls: true,
});

/** An agent's recorder whose requests end as is said, and what is logged of them, second by second. */
function logged(options: Partial<EndLogOptions> = {}) {
  const time = new FakeTime();
  const lines: Record<string, unknown>[] = [];
  const recorder = new Recorder({ instance: "front-1", clock: time });
  const log = new EndLog({ log: (line) => lines.push(JSON.parse(line) as Record<string, unknown>), ...options });
  const end = (reason: EndReason, { to = "back-1", policy = "" } = {}): void => {
    const record = new RequestRecord();
    record.edge = recorder.openEdge(edgeTo(to));
    record.status = 503;
    record.endReason = reason;
    record.policy = policy;
    record.verdict = policy === "" ? "none" : "deny";
    record.path = "/pay?card=4111111111111111";
    record.authority = "user:secret@back";
    record.traceId = "0af7651916cd43dd8448eb211c80319c";
    recorder.finish(record);
  };
  const second = (count = 1): void => {
    for (let index = 0; index < count; index++) {
      time.advance(1000);
      log.observe(recorder.takeBatch(time.nowMs()), time.nowMs());
    }
  };
  return { lines, end, second, log, time };
}

test("the first of a kind is told within a second, further ones as a number once a minute", () => {
  const { lines, end, second } = logged();
  second();
  end("upstream-connect-failure");
  second();
  expect(lines).toEqual([
    {
      level: 40,
      time: expect.any(Number),
      msg: "No connection to the service could be made.",
      reason: "upstream-connect-failure",
      flags: "UF",
      status: 503,
      reporter: "source",
      source: "shop/front-1",
      destination: "shop/back-1",
      count: 1,
      trace: "0af7651916cd43dd8448eb211c80319c",
    },
  ]);
  for (let index = 0; index < 30; index++) {
    end("upstream-connect-failure");
    second();
  }
  expect(lines).toHaveLength(1);
  second(30);
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatchObject({ reason: "upstream-connect-failure", count: 30, seconds: 60 });
});

test("a line has the form of the page's example", async () => {
  const page = await Bun.file(new URL("../../docs/reference/end-reasons.md", import.meta.url)).text();
  const example = /```json\n(.*)\n```/.exec(page)?.[1] ?? "";
  const { lines, end, second } = logged();
  end("no-healthy-upstream");
  second();
  expect(Object.keys(JSON.parse(example) as object)).toEqual(Object.keys(lines[0] ?? {}));
});

test("what came no more for a minute is told at once when it comes again", () => {
  const { lines, end, second } = logged();
  end("overflow");
  second(130);
  expect(lines).toHaveLength(1);
  end("overflow");
  second();
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatchObject({ reason: "overflow", count: 1 });
});

test("each edge, reason and policy is a kind of its own; answers of the app and callers that left are none", () => {
  const { lines, end, second } = logged();
  end("completed");
  end("downstream-closed");
  end("overflow");
  end("overflow", { to: "back-2" });
  end("policy-denied", { policy: "AuthorizationPolicy/shop/a" });
  end("policy-denied", { policy: "AuthorizationPolicy/shop/b" });
  second();
  expect(lines.map(({ reason, destination, policy, level }) => [reason, destination, policy, level])).toEqual([
    ["overflow", "shop/back-1", undefined, 40],
    ["overflow", "shop/back-2", undefined, 40],
    ["policy-denied", "shop/back-1", "AuthorizationPolicy/shop/a", 30],
    ["policy-denied", "shop/back-1", "AuthorizationPolicy/shop/b", 30],
  ]);
});

test("nothing that a caller wrote is in a line", () => {
  const { lines, end, second } = logged();
  end("request-timeout");
  end("downstream-protocol-error");
  second(61);
  expect(lines.length).toBeGreaterThan(1);
  expect(JSON.stringify(lines)).not.toMatch(/card|4111|secret|pay/);
});

test("lines are bounded, and what is beyond is told as a number", () => {
  const { lines, end, second } = logged({ linesMax: 10, kindsMax: 20 });
  for (let index = 0; index < 100; index++) end("overflow", { to: `back-${index}` });
  second();
  expect(lines).toHaveLength(10);
  second(60);
  expect(lines).toHaveLength(11);
  expect(lines[10]).toMatchObject({ count: 90, seconds: 60 });
});

test("what was counted and not told is told when the agent stops", () => {
  const { lines, end, second, log, time } = logged();
  end("draining");
  second();
  end("draining");
  second();
  log.flush(time.nowMs());
  expect(lines.map(({ count }) => count)).toEqual([1, 1]);
});
