/** `heddle stat`: who calls whom, how much and how well; and who still calls without TLS. */
import type { Command } from "commander";
import { observeClient } from "#api";
import { palette, standardOutput } from "#engine/terminal";
import type { CommandContext } from "./context.ts";
import { answerWith } from "./observe/ask.ts";
import { drawGraph, drawPlaintext } from "./observe/draw-traffic.ts";

export function register(command: Command, context: CommandContext): void {
  command
    .option("-w, --window <time>", "the span to sum up, up to now (default 30s, with --plaintext 24h)")
    .option("--plaintext", "who calls without TLS, by address")
    .action(async ({ window, plaintext }: { readonly window?: string; readonly plaintext?: boolean }) => {
      const colours = palette(standardOutput().isColoured);
      if (plaintext === true)
        return answerWith(
          context,
          (ask) => observeClient.plaintext(ask, { window }),
          (view) => drawPlaintext(view, colours),
        );
      return answerWith(
        context,
        (ask) => observeClient.graph(ask, { window }),
        (graph) => drawGraph(graph, colours),
      );
    });
}
