import { expect, test } from "bun:test";
import { join } from "node:path";
import { wantsColour } from "./streams.ts";

test.each([
  ["a terminal", true, { TERM: "xterm" }, true],
  ["no terminal", false, { TERM: "xterm" }, false],
  ["a dumb terminal", true, { TERM: "dumb" }, false],
  ["NO_COLOR", true, { NO_COLOR: "1" }, false],
  ["an empty NO_COLOR", true, { NO_COLOR: "" }, true],
  ["FORCE_COLOR elsewhere", false, { FORCE_COLOR: "1" }, true],
  ["FORCE_COLOR=0", true, { FORCE_COLOR: "0" }, false],
  ["NO_COLOR before FORCE_COLOR", true, { NO_COLOR: "1", FORCE_COLOR: "1" }, false],
])("colour with %s", (_name, isTerminal, environment, want) => {
  expect(wantsColour(isTerminal, environment)).toBe(want);
});

const DOOR = JSON.stringify(join(import.meta.dir, "index.ts"));

test("a megabyte reaches a slow reader whole, in order", async () => {
  const script = `import { standardOutput } from ${DOOR}; standardOutput().write("x".repeat(1_000_000) + "end");`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  await Bun.sleep(200);
  const text = await child.stdout.text();
  expect(text.length).toBe(1_000_003);
  expect(text.endsWith("end")).toBe(true);
  expect(await child.exited).toBe(0);
});

test("a reader that goes away does not end the program", async () => {
  const script = `
    import { standardOutput } from ${DOOR};
    const output = standardOutput();
    for (let turn = 0; turn < 100; turn++) output.write("x".repeat(10_000));
    process.exitCode = 5;`;
  const child = Bun.spawn([
    "/bin/bash",
    "-c",
    `set -o pipefail; "$0" -e "$1" | head -c 10 >/dev/null`,
    process.execPath,
    script,
  ]);
  expect(await child.exited).toBe(5);
});
