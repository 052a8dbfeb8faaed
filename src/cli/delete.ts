/** `heddle delete`: one resource. */
import type { Command } from "commander";
import type { AppliedView } from "#api";
import type { CommandContext } from "./context.ts";
import { GUARD_OPTIONS, type GuardOptions, guardOf } from "./guard.ts";
import { ask, printApplied } from "./resources.ts";

interface DeleteOptions extends GuardOptions {
  readonly namespace: string;
}

export function register(command: Command, context: CommandContext): void {
  for (const option of GUARD_OPTIONS) command.addOption(option);
  command
    .argument("<kind>")
    .argument("<name>")
    .option("-n, --namespace <name>", "its namespace", "default")
    .action(async (kind: string, name: string, { namespace, ...guarding }: DeleteOptions) => {
      const guard = guardOf(guarding);
      const query = new URLSearchParams({
        namespace,
        ...(guard === undefined ? {} : { guard: guard.since, allow: guard.allow }),
      });
      const path = `/api/v1/resources/${encodeURIComponent(kind)}/${encodeURIComponent(name)}?${query}`;
      const deleted = await ask<AppliedView>(context, { method: "DELETE", path });
      if (deleted !== undefined) printApplied(deleted, context);
    });
}
