/** The processes of a benchmark: each is in a group that is ended with this process, however that ends. */
import { type RunningProcess, startProcess } from "#engine/processes";
import { valueOrThrow } from "#model";

const STOP_GRACE_MS = 2000;
const READY_WITHIN_MS = 10_000;

const running = new Set<RunningProcess>();

/** What a program printed and how it ended. */
export interface Outcome {
  readonly ok: boolean;
  readonly output: string;
}

type Command = readonly [string, ...string[]];

function start(command: Command, onLine: (line: string) => void): RunningProcess {
  if (interrupted) throw new Error("interrupted");
  const child = valueOrThrow(
    startProcess({
      command,
      directory: process.cwd(),
      environment: process.env,
      output: "lines",
      onLine: ({ text }) => onLine(text),
    }),
  );
  running.add(child);
  void child.exited.then(() => running.delete(child));
  return child;
}

/** Runs a program to its end. */
export async function run(command: Command): Promise<Outcome> {
  const lines: string[] = [];
  const exit = await start(command, (line) => lines.push(line)).exited;
  return { ok: exit.kind === "status" && exit.status === 0, output: lines.join("\n") };
}

/** A program that serves until it is stopped. */
export interface Server {
  readonly pid: number;
  /** The first line that it printed. */
  readonly said: string;
  stop(): Promise<void>;
}

/** Starts a server and waits until `ready` holds, or, without it, until the server prints a line. */
export async function startServer(command: Command, ready?: () => Promise<boolean>): Promise<Server> {
  const lines: string[] = [];
  const child = start(command, (line) => lines.push(line));
  const isReady = ready ?? (async () => lines.length > 0);
  let ended = false;
  void child.exited.then(() => {
    ended = true;
  });
  for (const untilMs = Date.now() + READY_WITHIN_MS; !(await isReady()); await Bun.sleep(20)) {
    if (!ended && Date.now() < untilMs) continue;
    await child.stop(STOP_GRACE_MS);
    throw new Error(`\`${command.join(" ")}\` did not become ready: ${lines.join("\n")}`);
  }
  return { pid: child.pid, said: lines[0] ?? "", stop: async () => void (await child.stop(STOP_GRACE_MS)) };
}

let interrupted = false;

/** Whether somebody asked for the end. */
export const isInterrupted = (): boolean => interrupted;

/** Stops what runs and starts nothing more. */
export async function interrupt(): Promise<void> {
  interrupted = true;
  await stopAll();
}

/** Stops whatever still runs. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((child) => child.stop(STOP_GRACE_MS)));
}
