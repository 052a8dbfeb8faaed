/** On what a benchmark ran. */
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import type { Machine } from "./report.ts";

const ROOT = join(import.meta.dir, "..");

function git(...args: readonly string[]): string {
  const { success, stdout } = Bun.spawnSync(["git", ...args], { cwd: ROOT, stdout: "pipe", stderr: "ignore" });
  return success ? stdout.toString().trim() : "";
}

export function describeMachine(): Machine {
  const [processor] = cpus();
  const changes = git("status", "--porcelain", "--untracked-files=no", "src") === "" ? "" : ", with changes in src";
  return {
    processor: processor?.model ?? "unknown",
    cores: cpus().length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    engine: `Bun ${Bun.version}`,
    commit: `${git("rev-parse", "--short", "HEAD")}${changes}`,
  };
}
