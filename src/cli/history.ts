/** `heddle history`: who changed what, the newest first. */
import type { Command } from "commander";
import type { HistoryView } from "#api";
import type { CommandContext } from "./context.ts";
import { ask, nameOf } from "./resources.ts";

interface HistoryCommandOptions {
  readonly namespace: string;
  readonly limit: string;
}

export function register(command: Command, context: CommandContext): void {
  command
    .argument("[kind]")
    .argument("[name]", "only of this resource")
    .option("-n, --namespace <name>", "its namespace", "default")
    .option("--limit <number>", "how many changes", "50")
    .action(async (kind: string | undefined, name: string | undefined, { namespace, limit }: HistoryCommandOptions) => {
      const named = kind === undefined || name === undefined ? {} : { kind, name, namespace };
      const answer = await ask<HistoryView>(context, {
        path: `/api/v1/history?${new URLSearchParams({ ...named, limit })}`,
      });
      if (answer === undefined) return;
      const lines = answer.changes.map((each) => {
        const at = new Date(each.atMs).toISOString();
        return `${String(each.revision).padStart(6)}  ${at}  ${each.actor.padEnd(8)}  ${nameOf(each)} ${each.action}`;
      });
      context.show(answer.changes, () => `${lines.join("\n")}\n`);
    });
}
