import { afterEach, expect, test } from "bun:test";
import { endpointAt, startApp, startClientSide, startServerSide, stopAll } from "../../test/fakes/proxy-pair.ts";

afterEach(stopAll);

/** Nine in ten are refused: that all of so many are, or fewer than half, does not happen by chance. */
const ASKED = 200;

test("an agent that cannot keep up refuses a share of the requests at once, and says so", async () => {
  const app = await startApp((_request, response) => response.end("ok"));
  const endpoints = [endpointAt(startServerSide(app.port).port)];
  // Every look is late for it.
  const client = startClientSide({ endpoints, limits: { overloadLateMs: -1 } });
  await Bun.sleep(1500);
  const answers = await Promise.all(
    Array.from({ length: ASKED }, async () => {
      const response = await fetch(`http://127.0.0.1:${client.port}`);
      await response.text();
      return `${response.status} ${response.headers.get("x-heddle-flags") ?? ""}`;
    }),
  );
  const shed = answers.filter((each) => each === "503 OM").length;
  expect(shed).toBeGreaterThan(ASKED / 2);
  expect(shed).toBeLessThan(ASKED);
  expect(answers.filter((each) => each === "200 ").length).toBe(ASKED - shed);
  expect(client.recorder.prometheus()).toContain('response_flags="OM"');
});
