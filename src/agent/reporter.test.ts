import { expect, test } from "bun:test";
import { failure, problem, success } from "#model";
import { FakeTime } from "../../test/fakes/time.ts";
import { Reporter } from "./reporter.ts";

async function settle(): Promise<void> {
  for (let turn = 0; turn < 400; turn++) await Promise.resolve();
}

function reporterWith(isAway: () => boolean) {
  const time = new FakeTime();
  const sent: [number, number][] = [];
  let recorded = 0;
  const reporter = new Reporter<number>({
    take: () => ++recorded,
    send: (sequence, batch) => {
      if (isAway()) return Promise.resolve(failure(problem("HDL_INTERNAL", "away")));
      sent.push([sequence, batch]);
      return Promise.resolve(success(undefined));
    },
    timers: time,
  });
  return { time, sent, reporter };
}

test("each second's batch is sent under a rising number", async () => {
  const { time, sent, reporter } = reporterWith(() => false);
  reporter.start();
  for (let second = 0; second < 3; second++) {
    time.advance(1000);
    await settle();
  }
  expect(sent).toEqual([
    [1, 1],
    [2, 2],
    [3, 3],
  ]);
});

test("batches of an outage are kept in order, and the oldest are dropped and counted beyond the bound", async () => {
  let away = true;
  const { time, sent, reporter } = reporterWith(() => away);
  reporter.start();
  for (let second = 0; second < 125; second++) {
    time.advance(1000);
    await settle();
  }
  expect(reporter.dropped).toBe(5);
  away = false;
  time.advance(1000);
  await settle();
  expect(sent.map(([sequence]) => sequence)).toEqual(Array.from({ length: 120 }, (_, index) => index + 7));
  expect(reporter.queued).toBe(0);
});

test("stopping sends what is left and leaves no timer", async () => {
  const { time, sent, reporter } = reporterWith(() => false);
  reporter.start();
  await reporter.stop();
  expect(sent.length).toBe(1);
  expect(time.pending).toBe(0);
});
