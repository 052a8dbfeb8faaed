/** `heddle console`: an address that opens the console once, without typing a credential. */
import type { Command } from "commander";
import { consoleAddress } from "#supervisor";
import type { CommandContext } from "./context.ts";

export function register(command: Command, context: CommandContext): void {
  command
    .addHelpText("after", "\nThe address is good for one session and ten minutes; whoever has it may use the server.")
    .action(async () => {
      const access = await context.access();
      if (!access.ok) return context.fail(access);
      const url = await consoleAddress(access.value);
      context.show({ url }, () => `${url}\n`);
    });
}
