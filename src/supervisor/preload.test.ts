import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { preloadEnvironment } from "./preload.ts";

const REQUIRE = '--require "/opt/heddle/preload/node/register.cjs"';

function variables(inherited: Readonly<Record<string, string>>, own: Readonly<Record<string, string>> = {}) {
  return preloadEnvironment({ folder: "/opt/heddle/preload", inherited }, own);
}

describe("what a program is started with", () => {
  test("Node's options get one more, after those of the user", () => {
    expect(variables({})["NODE_OPTIONS"]).toBe(REQUIRE);
    expect(variables({ NODE_OPTIONS: " " })["NODE_OPTIONS"]).toBe(REQUIRE);
    expect(variables({ NODE_OPTIONS: "--enable-source-maps" })["NODE_OPTIONS"]).toBe(`--enable-source-maps ${REQUIRE}`);
  });

  test("the program's own options stand for those that it would inherit", () => {
    const own = { NODE_OPTIONS: "--max-old-space-size=64" };
    expect(variables({ NODE_OPTIONS: "--trace-warnings" }, own)["NODE_OPTIONS"]).toBe(
      `--max-old-space-size=64 ${REQUIRE}`,
    );
  });

  test("a program that is started by one that was started so does not get it twice", () => {
    expect(variables({ NODE_OPTIONS: `-r x ${REQUIRE}` })["NODE_OPTIONS"]).toBe(`-r x ${REQUIRE}`);
  });

  test("Python looks into the preload's folder first, and once", () => {
    expect(variables({})["PYTHONPATH"]).toBe("/opt/heddle/preload/python");
    expect(variables({ PYTHONPATH: "/a:/b" })["PYTHONPATH"]).toBe("/opt/heddle/preload/python:/a:/b");
    expect(variables({ PYTHONPATH: "/a:/opt/heddle/preload/python" }, {})["PYTHONPATH"]).toBe(
      "/opt/heddle/preload/python:/a",
    );
  });

  test("nothing is set where it is switched off, or not there", () => {
    expect(variables({}, { HEDDLE_PRELOAD: "off" })).toEqual({});
    expect(variables({ HEDDLE_PRELOAD: "off" })).toEqual({});
    expect(preloadEnvironment(undefined, {})).toEqual({});
  });
});

test("Node takes the path of a folder with blanks and quotes", async () => {
  const folder = join(realpathSync(mkdtempSync(join(tmpdir(), "heddle-preload-"))), 'a "b" \\c');
  mkdirSync(join(folder, "node"), { recursive: true });
  writeFileSync(join(folder, "node/register.cjs"), `console.log("loaded")`);
  const env = { PATH: process.env["PATH"] ?? "", ...preloadEnvironment({ folder, inherited: {} }, {}) };
  const child = Bun.spawn(["node", "-e", "0"], { env, stdout: "pipe", stderr: "pipe" });
  expect(await child.stdout.text()).toBe("loaded\n");
  rmSync(folder, { recursive: true });
});
