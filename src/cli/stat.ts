/** `heddle stat`: who calls whom, how much and how well. */
import type { Command } from "commander";
import { observeClient } from "#api";
import { palette, standardOutput } from "#engine/terminal";
import type { CommandContext } from "./context.ts";
import { answerWith } from "./observe/ask.ts";
import { drawGraph } from "./observe/draw-traffic.ts";

export function register(command: Command, context: CommandContext): void {
  command
    .option("-w, --window <time>", "the span to sum up, up to now", "30s")
    .action(async ({ window }: { readonly window: string }) =>
      answerWith(
        context,
        (ask) => observeClient.graph(ask, { window }),
        (graph) => drawGraph(graph, palette(standardOutput().isColoured)),
      ),
    );
}
