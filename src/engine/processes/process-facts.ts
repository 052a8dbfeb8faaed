import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, readlink } from "node:fs/promises";

/** What the kernel says of a process that runs now. */
export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  /** When it was started, clock ticks since the host was: with the pid it names one process for ever. */
  readonly startedTicks: number;
  /** Path of the program's file. */
  readonly path: string;
  /** Control groups, such as `/system.slice/orders.service`. */
  readonly cgroups: readonly string[];
}

/** Clock ticks a second: what Linux tells user space, whatever its own clock is (`USER_HZ`). */
const TICKS_PER_SECOND = 100;
const PROGRAM_BYTES_MAX = 1024 * 1024 * 1024;

/** Undefined for one that has ended, or of which this process may know nothing. */
export async function processFacts(pid: number): Promise<ProcessFacts | undefined> {
  try {
    const folder = `/proc/${pid}`;
    const [stat, path, cgroup] = await Promise.all([
      readFile(`${folder}/stat`, "utf8"),
      readlink(`${folder}/exe`),
      readFile(`${folder}/cgroup`, "utf8"),
    ]);
    // The name in brackets may hold anything, brackets and spaces too (proc_pid_stat(5)).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const cgroups = cgroup.split("\n").flatMap((line) => line.split(":").slice(2).join(":") || []);
    return { pid, parent: Number(fields[1]), startedTicks: Number(fields[19]), path, cgroups };
  } catch {
    return undefined;
  }
}

/** The time since the host was started, clock ticks. */
export async function uptimeTicks(): Promise<number> {
  const [seconds = ""] = (await readFile("/proc/uptime", "utf8")).split(" ");
  return Math.floor(Number(seconds) * TICKS_PER_SECOND);
}

/** SHA-256 of the file that a process runs, lower-case hexadecimal; undefined for one that cannot be read or is unreasonably large. */
export async function programHash(pid: number): Promise<string | undefined> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(`/proc/${pid}/exe`, { end: PROGRAM_BYTES_MAX - 1 }))
      hash.update(chunk as Uint8Array);
    return hash.digest("hex");
  } catch {
    return undefined;
  }
}
