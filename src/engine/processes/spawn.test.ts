import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive, type Line, type RunningProcess, selfCommand, startProcess } from "./index.ts";

function start(script: string, lines: Line[] = [], input?: string): RunningProcess {
  const started = startProcess({
    command: ["/bin/sh", "-c", script],
    directory: tmpdir(),
    environment: { PATH: process.env["PATH"] },
    output: "lines",
    ...(input === undefined ? {} : { input }),
    onLine: (line) => lines.push(line),
  });
  if (!started.ok) throw new Error(started.problems[0].message);
  return started.value;
}

async function until(condition: () => boolean, withinMs = 5000): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    if (waited > withinMs) throw new Error("the condition never held");
    await Bun.sleep(10);
  }
}

describe("a child process", () => {
  test("gives out its lines before its exit is told", async () => {
    const lines: Line[] = [];
    const child = start("echo one; echo two >&2; printf three; exit 7", lines);
    expect(await child.exited).toEqual({ kind: "status", status: 7 });
    expect(lines.map((line) => line.text).sort()).toEqual(["one", "three", "two"]);
    expect(lines.find((line) => line.text === "two")?.stream).toBe("stderr");
  });

  test("reads what it is given on standard input, then its end", async () => {
    const lines: Line[] = [];
    await start("cat; echo end", lines, "secret\n").exited;
    expect(lines.map((line) => line.text)).toEqual(["secret", "end"]);
  });

  test("reports the signal that ended it", async () => {
    const child = start("kill -KILL $$");
    expect(await child.exited).toEqual({ kind: "signal", signal: "SIGKILL" });
  });

  test("that ignores SIGTERM is killed after its grace", async () => {
    const lines: Line[] = [];
    const child = start("trap '' TERM; echo ready; while :; do sleep 0.05; done", lines);
    await until(() => lines.length > 0);
    expect(await child.stop(100)).toEqual({ kind: "signal", signal: "SIGKILL" });
  });

  test("takes what it had started with it", async () => {
    const lines: Line[] = [];
    const child = start("sleep 300 & echo $!; exit 3", lines);
    expect(await child.exited).toEqual({ kind: "status", status: 3 });
    expect(isAlive(Number(lines[0]?.text))).toBe(false);
  });

  test("may finish what a stop interrupts, in a grandchild as well", async () => {
    const lines: Line[] = [];
    const child = start(
      "sh -c 'trap \"sleep 1.2; echo drained; exit 0\" TERM; echo up; while :; do sleep 0.05; done'; :",
      lines,
    );
    await until(() => lines.length > 0);
    await child.stop(5000);
    expect(lines.map((line) => line.text)).toContain("drained");
  });

  test("that does not exist is a problem that names it", () => {
    const started = startProcess({
      command: ["heddle-no-such-program"],
      directory: tmpdir(),
      environment: { PATH: "/usr/bin" },
      output: "lines",
    });
    expect(started.ok ? "" : started.problems[0].message).toContain("heddle-no-such-program");
  });
});

test("a process that ended and that its parent has not asked about is not alive", async () => {
  const lines: Line[] = [];
  const parent = start("true & echo $!; exec sleep 30", lines);
  await until(() => lines.length > 0);
  const zombie = Number(lines[0]?.text);
  await until(() => !isAlive(zombie));
  expect(readFileSync(`/proc/${zombie}/stat`, "latin1")).toContain(") Z");
  await parent.stop(1000);
});

test("children and grandchildren end when their parent is killed with SIGKILL", async () => {
  const directory = mkdtempSync(join(tmpdir(), "heddle-orphans-"));
  const pids = (): number[] => {
    try {
      return readFileSync(join(directory, "pids"), "utf8").trim().split("\n").map(Number);
    } catch {
      return [];
    }
  };
  const parent = Bun.spawn(
    [
      process.execPath,
      "-e",
      `import { startProcess } from ${JSON.stringify(join(import.meta.dir, "index.ts"))};
       const command = ["/bin/sh", "-c", "sleep 300 & echo $! >> pids; echo $$ >> pids; wait"];
       for (const _ of [1, 2]) startProcess({ command, directory: process.cwd(), environment: process.env, output: "lines" });
       setInterval(() => {}, 1000);`,
    ],
    { cwd: directory, stdin: "ignore", stdout: "inherit", stderr: "inherit" },
  );
  await until(() => pids().length === 4);
  expect(pids().every(isAlive)).toBe(true);
  parent.kill("SIGKILL");
  await parent.exited;
  await until(() => !pids().some(isAlive));
  rmSync(directory, { recursive: true });
});

test("Heddle starts itself by its own engine and command line", () => {
  expect(selfCommand("agent", "--help").slice(-2)).toEqual(["agent", "--help"]);
});
