/** What the rest of the machine does while something is measured. */
import { cpuSeconds, machineCpuSeconds, ownCpuSeconds } from "./usage.ts";

export interface Watched<T> {
  readonly value: T;
  /** Cores that belonged to nobody of the benchmark. */
  readonly othersCores: number;
}

/** Does the work, and tells how much CPU was used meanwhile by processes other than this one, its children, and `servers`. */
export async function watchOthers<T>(servers: readonly number[], work: () => Promise<T>): Promise<Watched<T>> {
  const others = (): number => machineCpuSeconds() - ownCpuSeconds() - cpuSeconds(servers);
  const [startedMs, before] = [performance.now(), others()];
  const value = await work();
  const seconds = (performance.now() - startedMs) / 1000;
  return { value, othersCores: Math.max(0, (others() - before) / seconds) };
}
