/** What processes use, as the kernel tells it in /proc. */
import { readdirSync, readFileSync } from "node:fs";

/** Linux tells CPU time in hundredths of a second on every architecture (USER_HZ). */
const TICKS_PER_SECOND = 100;

interface Stat {
  readonly parent: number;
  /** Of the process itself. */
  readonly ownTicks: number;
  /** Of children that it has waited for. */
  readonly reapedTicks: number;
}

function readStat(pid: number | "self"): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold anything; what follows it is numbers, the first being field 3.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const ticks = (...places: readonly number[]): number =>
      places.reduce((sum, place) => sum + Number(fields[place - 3]), 0);
    return { parent: ticks(4), ownTicks: ticks(14, 15), reapedTicks: ticks(16, 17) };
  } catch {
    return undefined;
  }
}

/** These processes and all their descendants. */
export function family(roots: readonly number[]): readonly number[] {
  const parents = new Map(
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), readStat(Number(name))?.parent ?? 0]),
  );
  const members = new Set(roots);
  for (let before = 0; before < members.size; ) {
    before = members.size;
    for (const [pid, parent] of parents) if (members.has(parent)) members.add(pid);
  }
  return [...members];
}

/** CPU seconds that these processes and their children, living and ended, have used. Steps of 10 ms. */
export function cpuSeconds(roots: readonly number[]): number {
  const stats = family(roots).map(readStat);
  return stats.reduce((sum, stat) => sum + (stat?.ownTicks ?? 0) + (stat?.reapedTicks ?? 0), 0) / TICKS_PER_SECOND;
}

/** CPU seconds of this process and of the children that it has waited for. */
export function ownCpuSeconds(): number {
  const stat = readStat("self");
  return ((stat?.ownTicks ?? 0) + (stat?.reapedTicks ?? 0)) / TICKS_PER_SECOND;
}

/** CPU seconds that anybody on this machine has used, since it started. */
export function machineCpuSeconds(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] =
    /^cpu +(.*)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1]?.split(" ").map(Number) ?? [];
  return (user + nice + system + irq + softIrq) / TICKS_PER_SECOND;
}

export interface Resident {
  /** Sum over the processes; pages that several share are counted in each. */
  readonly rssMiB: number;
  /** Sum with shared pages divided among those that share them. */
  readonly pssMiB: number;
}

export function resident(roots: readonly number[]): Resident {
  const kilobytes = (text: string, name: string): number =>
    Number(new RegExp(`^${name}: +(\\d+)`, "m").exec(text)?.[1] ?? 0);
  const rollups = family(roots).map((pid) => readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
  const total = (name: string): number => rollups.reduce((sum, text) => sum + kilobytes(text, name), 0) / 1024;
  return { rssMiB: total("Rss"), pssMiB: total("Pss") };
}
