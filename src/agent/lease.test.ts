import { expect, test } from "bun:test";
import { failure, type Problem, problem, type Result, success } from "#model";
import { seededRandom } from "../../test/fakes/random.ts";
import { FakeTime } from "../../test/fakes/time.ts";
import { Lease } from "./lease.ts";

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

function leaseWith(answers: Result<number>[]) {
  const time = new FakeTime();
  const log: string[] = [];
  const lease = new Lease({
    announce: () => {
      log.push("announce");
      return Promise.resolve(answers.shift() ?? success(9000));
    },
    withdraw: () => {
      log.push("withdraw");
      return Promise.resolve(success(undefined));
    },
    timers: time,
    random: seededRandom(1),
    onProblem: (each: Problem | undefined) => log.push(each === undefined ? "mended" : "failed"),
  });
  return { lease, log, time };
}

test("a lease is renewed at a third of its life", async () => {
  const { lease, log, time } = leaseWith([]);
  lease.refresh();
  await settle();
  time.advance(2999);
  await settle();
  expect(log).toEqual(["announce"]);
  time.advance(1);
  await settle();
  expect(log).toEqual(["announce", "announce"]);
  await lease.stop();
});

test("a change during an announcement is announced right after it", async () => {
  const { lease, log, time } = leaseWith([]);
  lease.refresh();
  lease.refresh();
  await settle();
  time.advance(0);
  await settle();
  expect(log).toEqual(["announce", "announce"]);
  await lease.stop();
});

test("while the server is away it is tried again with growing waits, told once, and told when it is back", async () => {
  const away = failure(problem("HDL_INTERNAL", "away"));
  const { lease, log, time } = leaseWith([away, away, away]);
  lease.refresh();
  await settle();
  for (const waitMs of [200, 400, 800]) {
    time.advance(waitMs);
    await settle();
  }
  expect(log).toEqual(["announce", "failed", "announce", "announce", "announce", "mended"]);
  await lease.stop();
});

test("stopping withdraws once and leaves no timer", async () => {
  const { lease, log, time } = leaseWith([]);
  lease.refresh();
  await settle();
  await lease.stop();
  lease.refresh();
  expect(log).toEqual(["announce", "withdraw"]);
  expect(time.pending).toBe(0);
});

test("a lease that was never announced is not withdrawn", async () => {
  const { lease, log } = leaseWith([]);
  await lease.stop();
  expect(log).toEqual([]);
});
