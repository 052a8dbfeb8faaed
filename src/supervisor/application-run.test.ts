import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { portState } from "#engine/probe";
import { isAlive } from "#engine/processes";
import { ApplicationRun, type UnitEvent } from "./index.ts";
import { readApplication } from "./read-application.ts";
import { listenersOf } from "./workloads.ts";

const FAKE_HEDDLE = [process.execPath, join(import.meta.dir, "../../test/fakes/heddle.ts")];

/** Listens as it is told to, and writes down when it came and went. */
const PROGRAM = `
import http from "node:http";
import { appendFileSync } from "node:fs";
const note = (what) => appendFileSync("journal", what + " " + process.env.INSTANCE + "\\n");
const server = http.createServer((request, response) => {
  if (request.url === "/crash") process.exit(9);
  response.end(JSON.stringify({ pid: process.pid, env: process.env }));
});
server.listen(process.env.PORT, process.env.HOST, () => note("up"));
process.on("SIGTERM", () => { note("down"); process.exit(0); });
`;

let directory = "";
let events: UnitEvent[] = [];
const runs: ApplicationRun[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "heddle-up-"));
  writeFileSync(join(directory, "app.mjs"), PROGRAM);
  events = [];
});

afterEach(async () => {
  for (const run of runs.splice(0)) await run.stop();
  rmSync(directory, { recursive: true });
});

function prepare(spec: string): ApplicationRun {
  const head = "apiVersion: heddle.dev/v1\nkind: Application\nmetadata: { name: demo }\nspec:\n";
  const read = readApplication(head + spec, "heddle.yaml");
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const run = new ApplicationRun({
    application: read.value,
    directory,
    isKept: false,
    heddle: FAKE_HEDDLE,
    onPlan: () => {},
    onEvent: (event) => events.push(event),
    onServer: () => {},
  });
  runs.push(run);
  return run;
}

async function until(condition: () => boolean, withinMs = 8000): Promise<void> {
  for (let waited = 0; !condition(); waited += 20) {
    if (waited > withinMs) throw new Error("the condition never held");
    await Bun.sleep(20);
  }
}

const journal = (): readonly string[] => readFileSync(join(directory, "journal"), "utf8").trim().split("\n");
const TWO = `
  services:
    - { name: front, command: node app.mjs, calls: [back], readiness: { path: / } }
    - { name: back, command: node app.mjs, replicas: 2 }
  gateways: [{ name: edge, port: 18431, to: front }]
`;

describe("an application", () => {
  test("starts in the order of its calls, stops in the reverse order and leaves nothing", async () => {
    const run = prepare(TWO);
    const started = await run.start();
    expect(started.ok ? [] : started.problems).toEqual([]);
    const pids = run.supervisor?.units.map((unit) => unit.pid ?? 0) ?? [];
    expect(pids.length).toBe(8);
    expect(pids.every(isAlive)).toBe(true);
    await run.stop();
    const lines = journal();
    expect(lines.slice(0, 3).sort()).toEqual(["up back-1", "up back-2", "up front"]);
    expect(lines[2]).toBe("up front");
    expect(lines[3]).toBe("down front");
    expect(pids.filter(isAlive)).toEqual([]);
    expect(existsSync(join(directory, ".heddle"))).toBe(false);
    for (const { address, port } of listenersOf(run.placed)) expect(await portState(address, port)).toBe("free");
  }, 20_000);

  test("starts again what crashes, an agent with a fresh join token", async () => {
    const run = prepare("  services: [{ name: solo, command: node app.mjs }]");
    const started = await run.start();
    expect(started.ok ? [] : started.problems).toEqual([]);
    const port = run.placed.workloads[0]?.appPort;
    await fetch(`http://127.0.0.1:${port}/crash`).catch(() => {});
    const agentPid = run.supervisor?.unit("solo/agent")?.pid;
    if (agentPid !== undefined) process.kill(agentPid, "SIGKILL");
    await until(
      () =>
        run.supervisor?.units.every((unit) => unit.state === "ready") === true &&
        run.supervisor.unit("solo/agent")?.restarts === 1,
    );
    await until(() => run.supervisor?.unit("solo")?.restarts === 1 && run.supervisor.unit("solo")?.state === "ready");
    const reasons = events
      .filter((event) => event.state === "backing-off")
      .map((event) => `${event.unit.id}: ${event.text}`);
    expect(reasons.sort().map((text) => text.split(";")[0])).toEqual([
      "solo/agent: was ended by SIGKILL",
      "solo: ended with status 9",
    ]);
  }, 20_000);

  test("with a program that never becomes ready says so, with its last lines and what to do", async () => {
    const run = prepare(`
  services:
    - name: mute
      command: "echo starting; echo 'no database' >&2; sleep 100"
      readiness: { path: /healthz, within: 1s }
    - { name: caller, command: node app.mjs, calls: [mute] }
`);
    const started = await run.start();
    const [problem] = started.ok ? [] : started.problems;
    expect(problem?.code).toBe("HDL_SUPERVISOR_NOT_READY");
    expect(problem?.message).toContain("mute was not ready after 1 s");
    expect(problem?.message).toContain("│ no database");
    expect(problem?.next).toContain("PORT and HOST");
    await run.stop();
    expect(existsSync(join(directory, ".heddle"))).toBe(false);
  }, 20_000);

  test("with a program that ends at once is given up after a few tries", async () => {
    const run = prepare("  services: [{ name: gone, command: 'echo cannot start; exit 4' }]");
    const started = await run.start();
    const message = started.ok ? "" : started.problems[0].message;
    expect(message).toContain("gone ended with status 4");
    expect(message).toContain("│ cannot start");
  }, 20_000);

  test("whose gateway's port is taken is one problem that names it", async () => {
    const holder = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
    const port = String(holder.port);
    const run = prepare(TWO.replace("18431", port));
    const started = await run.start();
    await holder.stop(true);
    expect(started.ok ? "" : started.problems[0].message).toContain(`gateway edge: 127.0.0.1:${port} is taken`);
  });

  test("is not started twice from one folder", async () => {
    await Bun.write(join(directory, ".heddle/up.pid"), `${process.ppid}\n`);
    const started = await prepare(TWO).start();
    expect(started.ok ? "" : started.problems[0].code).toBe("HDL_SUPERVISOR_RUNNING");
    expect(existsSync(join(directory, ".heddle/up.pid"))).toBe(true);
  });

  test("can be stopped while it starts", async () => {
    const run = prepare(TWO);
    const started = run.start();
    await until(() => events.some((event) => event.unit.kind === "agent" && event.state === "starting"));
    await run.stop();
    expect((await started).ok).toBe(false);
    expect(run.supervisor?.units.every((unit) => unit.state === "stopped")).toBe(true);
  }, 20_000);
});
