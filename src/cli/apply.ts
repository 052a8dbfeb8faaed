/** `heddle apply`: files and folders of resources, all or nothing. */
import type { Command } from "commander";
import type { AppliedView } from "#api";
import { listFiles, readTextFile } from "#engine/folders";
import { readStandardInput } from "#engine/processes";
import { failure, problem, type Result, success } from "#model";
import type { CommandContext } from "./context.ts";
import { GUARD_OPTIONS, type GuardOptions, guardOf } from "./guard.ts";
import { ask, printApplied } from "./resources.ts";

interface ApplyCommandOptions extends GuardOptions {
  readonly filename: readonly string[];
  readonly dryRun?: true;
}

const ENDINGS = [".yaml", ".yml", ".json"];
const INPUT_BYTES_MAX = 2 * 1024 * 1024;

interface ResourceText {
  readonly file: string;
  readonly text: string;
}

async function readPath(path: string): Promise<Result<readonly ResourceText[]>> {
  if (path === "-") {
    const text = await readStandardInput(INPUT_BYTES_MAX);
    return text.ok ? success([{ file: "standard input", text: text.value }]) : text;
  }
  const listed = await listFiles(path, ENDINGS);
  if (!listed.ok) return listed;
  const files: ResourceText[] = [];
  for (const file of listed.value) {
    const text = await readTextFile(file);
    if (!text.ok) return text;
    if (text.value !== undefined) files.push({ file, text: text.value });
  }
  if (files.length > 0) return success(files);
  return failure(problem("HDL_CLI_ARGUMENT", `${path} holds no file that ends in ${ENDINGS.join(", ")}`));
}

/** The texts of files, of the files of folders, and of standard input for `-`. */
export async function readResources(paths: readonly string[]): Promise<Result<readonly ResourceText[]>> {
  const files: ResourceText[] = [];
  for (const path of paths) {
    const read = await readPath(path);
    if (!read.ok) return read;
    files.push(...read.value);
  }
  return success(files);
}

export function register(command: Command, context: CommandContext): void {
  for (const option of GUARD_OPTIONS) command.addOption(option);
  command
    .requiredOption("-f, --filename <path...>", "files or folders; - is standard input")
    .option("--dry-run", "only say what would change")
    .action(async ({ filename, dryRun, ...guarding }: ApplyCommandOptions) => {
      const files = await readResources(filename);
      if (!files.ok) return context.fail(files);
      const body = { files: files.value, dryRun: dryRun === true, guard: guardOf(guarding) };
      const applied = await ask<AppliedView>(context, { method: "POST", path: "/api/v1/apply", body });
      if (applied !== undefined) printApplied(applied, context);
    });
}
