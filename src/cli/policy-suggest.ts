/** `heddle policy suggest`: the least privilege that the traffic needs. */
import type { Command } from "commander";
import type { SuggestionsView } from "#api";
import { setExitStatus } from "#engine/processes";
import { palette, standardOutput } from "#engine/terminal";
import type { CommandContext } from "./context.ts";
import { drawSuggestions, writeSuggestions } from "./policy-suggest-text.ts";
import { ask } from "./resources.ts";

interface SuggestCommandOptions {
  readonly for: string;
  readonly since: string;
  readonly rareBelow: string;
  readonly exact?: true;
}

export function registerSuggest(command: Command, context: CommandContext): void {
  command
    .command("suggest")
    .description("write the policy that lets pass the traffic that was seen, and nothing else")
    .requiredOption("--for <name>", "namespace/service, or a namespace")
    .option("--since <time>", "the span that is looked at, up to now, such as 6h or 7d", "7d")
    .option("--rare-below <count>", "mark what was seen less often", "5")
    .option("--exact", "name every caller, also where an attribute means just them")
    .addHelpText(
      "after",
      "\nWith -o yaml it is written to be applied. The exit status is 1 when there is nothing to grant.",
    )
    .action(async ({ since, rareBelow, exact, ...options }: SuggestCommandOptions) => {
      const query = new URLSearchParams({ for: options.for, since, rareBelow, exact: String(exact === true) });
      const view = await ask<SuggestionsView>(context, { path: `/api/v1/policy/suggest?${query}` });
      if (view === undefined) return;
      if (context.format() === "yaml") context.print(writeSuggestions(view));
      else context.show(view, () => drawSuggestions(view, palette(standardOutput().isColoured)));
      if (view.suggestions.every(({ policies }) => policies.length === 0)) setExitStatus(1);
    });
}
