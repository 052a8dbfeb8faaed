/** `heddle whoami`: who the server takes the caller for, and what it may do. */
import type { Command } from "commander";
import type { WhoamiView } from "#api";
import type { CommandContext } from "./context.ts";
import { ask } from "./resources.ts";

export function register(command: Command, context: CommandContext): void {
  command.action(async () => {
    const answer = await ask<WhoamiView>(context, { path: "/api/v1/whoami" });
    if (answer === undefined) return;
    const held = answer.grants
      .filter(({ verbs }) => verbs.length > 0)
      .map(({ verbs, namespace }) => `  ${verbs.join(", ")} in ${namespace} and below`);
    context.show(answer, () => `${[answer.actor, ...(held.length === 0 ? ["  no right"] : held)].join("\n")}\n`);
  });
}
