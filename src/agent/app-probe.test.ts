import { expect, test } from "bun:test";
import { FakeTime } from "../../test/fakes/time.ts";
import { AppProbe } from "./app-probe.ts";

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

function watch(answers: (boolean | Error)[]) {
  const time = new FakeTime();
  const changes: boolean[] = [];
  const probe = new AppProbe({
    probe: () => {
      const answer = answers.shift() ?? true;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    timers: time,
    onChange: (isReady) => changes.push(isReady),
  });
  const step = async (ms: number): Promise<void> => {
    time.advance(ms);
    await settle();
  };
  return { time, changes, probe, step };
}

test("an app that comes up late is found within a tenth of a second", async () => {
  const { probe, changes, step } = watch([new Error("refused"), false, true]);
  probe.start();
  await settle();
  await step(100);
  expect(changes).toEqual([]);
  await step(100);
  expect(changes).toEqual([true]);
  probe.stop();
});

test("one missed answer changes nothing, two take the app out, one answer brings it back", async () => {
  const { probe, changes, step } = watch([true, false, true, false, false, true]);
  probe.start();
  await settle();
  await step(1000);
  await step(1000);
  expect(changes).toEqual([true]);
  await step(1000);
  await step(1000);
  expect(changes).toEqual([true, false]);
  await step(100);
  expect(changes).toEqual([true, false, true]);
  probe.stop();
});

test("stopping leaves no timer", async () => {
  const { probe, time } = watch([true]);
  probe.start();
  await settle();
  probe.stop();
  expect(time.pending).toBe(0);
});
