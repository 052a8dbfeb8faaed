import { afterEach, expect, test } from "bun:test";
import { pair, stopAll } from "../../test/fakes/proxy-pair.ts";

afterEach(stopAll);

test("an agent that cannot keep up refuses a share of the requests at once, and says so", async () => {
  // Every look is late for it.
  const { url, client } = await pair((_request, response) => response.end("ok"), { limits: { overloadLateMs: -1 } });
  await Bun.sleep(1500);
  const answers = await Promise.all(
    Array.from({ length: 100 }, async () => {
      const response = await fetch(url);
      await response.text();
      return `${response.status} ${response.headers.get("x-heddle-flags") ?? ""}`;
    }),
  );
  const shed = answers.filter((each) => each === "503 OM").length;
  expect(shed).toBeGreaterThan(50);
  expect(shed).toBeLessThan(100);
  expect(answers.filter((each) => each === "200 ").length).toBe(100 - shed);
  expect(client.recorder.prometheus()).toContain('response_flags="OM"');
});
