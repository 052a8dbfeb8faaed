/** `heddle edit`: one resource in the user's editor, applied when it was changed. */
import type { Command } from "commander";
import { stringify } from "yaml";
import type { AppliedView, ResourcesView } from "#api";
import { removeFolder } from "#engine/folders";
import { privateFiles } from "#engine/private-files";
import { environment, processId, startProcess, workingDirectory } from "#engine/processes";
import { failure, problem, type Result, success } from "#model";
import type { CommandContext } from "./context.ts";
import { ask, printApplied } from "./resources.ts";

/** Lets the user change a text; resolves with what was saved. `$VISUAL` and `$EDITOR` may hold arguments. */
async function editText(text: string, path: string): Promise<Result<string>> {
  const { VISUAL: visual, EDITOR: editor } = environment();
  const written = await privateFiles.write(path, text);
  if (!written.ok) return written;
  const started = startProcess({
    command: ["/bin/sh", "-c", `${visual || editor || "vi"} "$0"`, path],
    directory: workingDirectory(),
    environment: environment(),
    output: "terminal",
  });
  if (!started.ok) return started;
  const exit = await started.value.exited;
  const read = await privateFiles.read(path);
  if (exit.kind === "signal" || exit.status !== 0) {
    return failure(problem("HDL_CLI_ARGUMENT", "the editor ended with a failure; nothing was changed"));
  }
  return read.ok ? success(read.value ?? "") : read;
}

async function edit(path: string, context: CommandContext): Promise<void> {
  const answer = await ask<ResourcesView>(context, { path });
  if (answer === undefined) return;
  const before = stringify(answer.resources[0]);
  const { TMPDIR: temporary = "/tmp" } = environment();
  const folder = `${temporary}/heddle-edit-${processId()}`;
  const file = `${folder}/resource.yaml`;
  const edited = await editText(before, file);
  if (!edited.ok) return context.fail(edited);
  if (edited.value === before) {
    await removeFolder(folder);
    return context.print("nothing was changed\n");
  }
  const body = { files: [{ file, text: edited.value }], dryRun: false };
  const applied = await ask<AppliedView>(context, { method: "POST", path: "/api/v1/apply", body });
  // What was refused stays where the problem says that it is, so that the work is not lost.
  if (applied === undefined) return;
  await removeFolder(folder);
  printApplied(applied, context);
}

export function register(command: Command, context: CommandContext): void {
  command
    .argument("<kind>")
    .argument("<name>")
    .option("-n, --namespace <name>", "its namespace", "default")
    .action(async (kind: string, name: string, { namespace }: { readonly namespace: string }) => {
      const query = new URLSearchParams({ namespace });
      await edit(`/api/v1/resources/${encodeURIComponent(kind)}/${encodeURIComponent(name)}?${query}`, context);
    });
}
