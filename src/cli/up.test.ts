import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive } from "#engine/processes";

const FAKE = [process.execPath, join(import.meta.dir, "../../test/fakes/heddle.ts")];
const START = `
import { up } from ${JSON.stringify(join(import.meta.dir, "up.ts"))};
process.exitCode = await up({ file: "heddle.yaml" }, ${JSON.stringify(FAKE)});
`;
const APP = `
import http from "node:http";
import { appendFileSync } from "node:fs";
appendFileSync("pids", process.pid + "\\n");
http.createServer((_, response) => response.end("ok")).listen(process.env.PORT, process.env.HOST);
console.log("hello from", process.env.INSTANCE);
if (process.env.STUBBORN) process.on("SIGTERM", () => console.log("no"));
`;

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "heddle-up-"));
  writeFileSync(join(directory, "app.mjs"), APP);
  mkdirSync(join(directory, "home"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function startUp(services: string) {
  const yaml = `apiVersion: heddle.dev/v1\nkind: Application\nmetadata: { name: demo }\nspec: { services: [${services}] }\n`;
  writeFileSync(join(directory, "heddle.yaml"), yaml);
  writeFileSync(join(directory, "out"), "");
  const child = Bun.spawn([process.execPath, "-e", START], {
    cwd: directory,
    env: { ...process.env, HOME: join(directory, "home") },
    stdin: "ignore",
    stdout: Bun.file(join(directory, "out")),
    stderr: Bun.file(join(directory, "err")),
  });
  return { child, output: () => readFileSync(join(directory, "out"), "utf8") };
}

async function until(condition: () => boolean, withinMs = 15_000): Promise<void> {
  for (let waited = 0; !condition(); waited += 20) {
    if (waited > withinMs) throw new Error(`never: ${readFileSync(join(directory, "out"), "utf8")}`);
    await Bun.sleep(20);
  }
}

const pids = (): number[] => readFileSync(join(directory, "pids"), "utf8").trim().split("\n").map(Number);

/** Processes of this test's folder, whoever their parent is. */
function processesHere(): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(directory);
    } catch {
      return false;
    }
  });
}

describe("heddle up", () => {
  test("shows prefixed lines, and Ctrl-C ends all of it with status 0", async () => {
    const { child, output } = startUp(
      "{ name: a, command: node app.mjs, calls: [b] }, { name: b, command: node app.mjs, replicas: 2 }",
    );
    await until(() => output().includes("ready  ·  console http://127.0.0.1:"));
    expect(output()).toMatch(/^b-2 +│ hello from b-2$/m);
    expect(output()).not.toContain("\x1b");
    child.kill("SIGINT");
    expect(await child.exited).toBe(0);
    expect(pids().filter(isAlive)).toEqual([]);
    expect(readdirSync(directory).sort()).toEqual(["app.mjs", "err", "heddle.yaml", "home", "out", "pids"]);
    expect(existsSync(join(directory, "home/.heddle"))).toBe(false);
    expect(processesHere()).toEqual([]);
  }, 30_000);

  test("hurries when Ctrl-C comes twice", async () => {
    const { child, output } = startUp("{ name: a, command: node app.mjs, env: { STUBBORN: 1 } }");
    await until(() => output().includes("ready  ·"));
    child.kill("SIGINT");
    await until(() => output().includes("│ no"));
    child.kill("SIGINT");
    const askedAt = performance.now();
    expect(await child.exited).toBe(0);
    expect(performance.now() - askedAt).toBeLessThan(5000);
    expect(pids().filter(isAlive)).toEqual([]);
    expect(existsSync(join(directory, ".heddle"))).toBe(false);
  }, 30_000);

  test("killed with SIGKILL leaves no process behind, and the next start cleans up", async () => {
    const services = "{ name: a, command: node app.mjs }";
    const first = startUp(services);
    await until(() => first.output().includes("ready  ·"));
    first.child.kill("SIGKILL");
    await first.child.exited;
    await until(() => !pids().some(isAlive) && processesHere().length === 0);
    const second = startUp(services);
    await until(() => second.output().includes("ready  ·"));
    second.child.kill("SIGTERM");
    expect(await second.child.exited).toBe(0);
    expect(existsSync(join(directory, ".heddle"))).toBe(false);
    expect(existsSync(join(directory, "home/.heddle"))).toBe(false);
  }, 40_000);

  test("with a broken file ends with a status and says where", async () => {
    const { child } = startUp("{ name: a, comand: node app.mjs }");
    expect(await child.exited).toBe(1);
    const errors = readFileSync(join(directory, "err"), "utf8");
    expect(errors).toContain(
      "heddle.yaml:4:31: spec.services[0].comand: there is no field `comand` here; did you mean `command`?",
    );
  }, 20_000);
});
