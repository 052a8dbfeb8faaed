import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { failure, problem, type Result, success } from "#model";

/** What asks this process to end. A terminal's hang-up counts as a request too. */
export type ExitSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

const EXIT_SIGNALS: readonly ExitSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Command-line words after the program's own name. */
export function arguments_(): readonly string[] {
  return process.argv.slice(2);
}

export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

export function workingDirectory(): string {
  return process.cwd();
}

export function processId(): number {
  return process.pid;
}

/** What this process will report when it ends by itself: it is never cut off in the middle of its clean-up. */
export function setExitStatus(status: number): void {
  process.exitCode = status;
}

/** Calls `run` for each request to end, instead of ending. Returns what takes the listener away again. */
export function onExitSignal(run: (signal: ExitSignal) => void): () => void {
  const removals = EXIT_SIGNALS.map((signal) => {
    const listener = (): void => run(signal);
    process.on(signal, listener);
    return () => void process.off(signal, listener);
  });
  return () => {
    for (const remove of removals) remove();
  };
}

/** Whether a process with this id runs, even one of another user. One that has ended and only waits to be asked how (a zombie) does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    if ((cause as { code?: string }).code !== "EPERM") return false;
  }
  return !isZombie(pid);
}

/** proc_pid_stat(5): the state stands behind the name, which may hold anything, brackets too. Elsewhere than on Linux there is no such file. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.charAt(stat.lastIndexOf(")") + 2) === "Z";
  } catch {
    return false;
  }
}

/** The words that start Heddle's own command line again with these arguments: the same engine, or the same single executable. */
export function selfCommand(...args: readonly string[]): readonly string[] {
  // A single executable runs from a virtual file system and already is the command line.
  if (import.meta.url.includes("/$bunfs/")) return [process.execPath, ...args];
  return [process.execPath, fileURLToPath(new URL("../../cli/main.ts", import.meta.url)), ...args];
}

/** All of standard input as text, trimmed; a problem when it is longer than `bytesMax`. Ends at end of file. */
export async function readStandardInput(bytesMax: number): Promise<Result<string>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of Bun.stdin.stream()) {
    length += chunk.byteLength;
    if (length > bytesMax) {
      return failure(problem("HDL_ENGINE_INPUT_TOO_LONG", `standard input is longer than ${bytesMax} bytes`));
    }
    chunks.push(chunk);
  }
  return success(new TextDecoder().decode(Buffer.concat(chunks)).trim());
}
