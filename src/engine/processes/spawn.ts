import { failure, problem, type Result, success } from "#model";
import { guard, prepareGuard, unguard } from "./guard.ts";
import { type Line, LineSplitter } from "./lines.ts";

export interface ProcessOptions {
  /** Program and its arguments; the program is looked up in the environment's PATH. Never holds a secret. */
  readonly command: readonly [string, ...string[]];
  readonly directory: string;
  /** The child's whole environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /**
   * `lines`: output is cut into lines for `onLine`, standard input is `input` and then its end.
   * `terminal`: all three are this process's own.
   */
  readonly output: "lines" | "terminal";
  readonly input?: string;
  readonly onLine?: (line: Line) => void;
}

/** How a child ended: by itself with a status, or by a signal. */
export type ProcessExit =
  | { readonly kind: "status"; readonly status: number }
  | { readonly kind: "signal"; readonly signal: string };

export interface RunningProcess {
  readonly pid: number;
  /** Resolves once the child is reaped, what it had started is gone too, and its last line has been given out. */
  readonly exited: Promise<ProcessExit>;
  /** Sends a signal to the child and all that it started. Nothing happens when they have ended. */
  signal(name: NodeJS.Signals): void;
  /** Asks with SIGTERM; after `graceMs` kills. */
  stop(graceMs: number): Promise<ProcessExit>;
}

/** What a child leaves behind is asked to end, and killed this much later. */
const ORPHAN_GRACE_MS = 1000;
const ORPHAN_KILL_WAIT_MS = 1000;
const ORPHAN_POLL_MS = 20;
/** Output may stay open in a process that left the group; its lines are not waited for longer than this. */
const DRAIN_MS = 500;

function signalGroup(group: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, name);
    return true;
  } catch {
    return false;
  }
}

async function groupEnded(group: number, withinMs: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < withinMs; waitedMs += ORPHAN_POLL_MS) {
    if (!signalGroup(group, 0)) return true;
    await Bun.sleep(ORPHAN_POLL_MS);
  }
  return !signalGroup(group, 0);
}

async function endOrphans(group: number, stopGraceMs: number | undefined): Promise<void> {
  // While being stopped they have been asked already, and are due the same patience as the child itself.
  if (stopGraceMs === undefined) signalGroup(group, "SIGTERM");
  if (await groupEnded(group, stopGraceMs ?? ORPHAN_GRACE_MS)) return;
  signalGroup(group, "SIGKILL");
  await groupEnded(group, ORPHAN_KILL_WAIT_MS);
}

async function readLines(stream: ReadableStream<Uint8Array>, emit: (text: string) => void): Promise<void> {
  const splitter = new LineSplitter(emit);
  try {
    for await (const chunk of stream) splitter.write(chunk);
  } catch {
    // A pipe that breaks ends the output like one that is closed.
  }
  splitter.end();
}

function launch(options: ProcessOptions) {
  const piped = options.output === "lines";
  return Bun.spawn([...options.command], {
    cwd: options.directory,
    env: { ...options.environment },
    stdin: piped ? new TextEncoder().encode(options.input ?? "") : "inherit",
    stdout: piped ? "pipe" : "inherit",
    stderr: piped ? "pipe" : "inherit",
    detached: true,
  });
}

type Child = ReturnType<typeof launch>;

interface Stopping {
  graceMs: number | undefined;
}

async function finish(child: Child, output: Promise<unknown>, stopping: Stopping): Promise<ProcessExit> {
  await child.exited;
  await endOrphans(child.pid, stopping.graceMs);
  unguard(child.pid);
  await Promise.race([output, Bun.sleep(DRAIN_MS)]);
  return child.signalCode === null
    ? { kind: "status", status: child.exitCode ?? 1 }
    : { kind: "signal", signal: String(child.signalCode) };
}

function follow(child: Child, options: ProcessOptions): RunningProcess {
  const emit = (stream: Line["stream"]) => (text: string) => options.onLine?.({ text, stream });
  const output = Promise.all([
    child.stdout instanceof ReadableStream ? readLines(child.stdout, emit("stdout")) : undefined,
    child.stderr instanceof ReadableStream ? readLines(child.stderr, emit("stderr")) : undefined,
  ]);
  const stopping: Stopping = { graceMs: undefined };
  const exited = finish(child, output, stopping);
  return {
    pid: child.pid,
    exited,
    signal: (name) => void signalGroup(child.pid, name),
    async stop(graceMs) {
      stopping.graceMs = graceMs;
      signalGroup(child.pid, "SIGTERM");
      const timer = setTimeout(() => signalGroup(child.pid, "SIGKILL"), graceMs);
      try {
        return await exited;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/**
 * Starts a program in a process group of its own. When the program ends, whatever it started is ended too; when this
 * process dies, however it dies, the whole group is ended within about three seconds.
 */
export function startProcess(options: ProcessOptions): Result<RunningProcess> {
  prepareGuard();
  try {
    const child = launch(options);
    guard(child.pid);
    return success(follow(child, options));
  } catch (cause) {
    const [program] = options.command;
    const reason = cause instanceof Error ? cause.message : String(cause);
    return failure(
      problem("HDL_ENGINE_PROCESS_START", `cannot start \`${program}\` in ${options.directory}: ${reason}`, { cause }),
    );
  }
}
