/** `heddle audit`: every administrative action, refused ones too, the newest first. */
import type { Command } from "commander";
import type { AuditView } from "#api";
import type { CommandContext } from "./context.ts";
import { ask } from "./resources.ts";

interface AuditCommandOptions {
  readonly limit: string;
}

export function register(command: Command, context: CommandContext): void {
  command.option("--limit <number>", "how many lines", "50").action(async ({ limit }: AuditCommandOptions) => {
    const answer = await ask<AuditView>(context, { path: `/api/v1/audit?${new URLSearchParams({ limit })}` });
    if (answer === undefined) return;
    const lines = answer.lines.map(({ atMs, actor, action, detail }) => {
      const at = new Date(atMs).toISOString();
      return `${at}  ${actor.padEnd(8)}  ${action.padEnd(14)}  ${detail}\n`;
    });
    context.show(answer.lines, () => lines.join(""));
  });
}
