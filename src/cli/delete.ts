/** `heddle delete`: one resource. */
import type { Command } from "commander";
import type { AppliedView } from "#api";
import type { CommandContext } from "./context.ts";
import { ask, printApplied } from "./resources.ts";

export function register(command: Command, context: CommandContext): void {
  command
    .argument("<kind>")
    .argument("<name>")
    .option("-n, --namespace <name>", "its namespace", "default")
    .action(async (kind: string, name: string, { namespace }: { readonly namespace: string }) => {
      const query = new URLSearchParams({ namespace });
      const path = `/api/v1/resources/${encodeURIComponent(kind)}/${encodeURIComponent(name)}?${query}`;
      const deleted = await ask<AppliedView>(context, { method: "DELETE", path });
      if (deleted !== undefined) printApplied(deleted, context);
    });
}
