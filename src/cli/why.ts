/** `heddle why`: where a service's bad experience comes from. */
import type { Command } from "commander";
import { observeClient } from "#api";
import { palette, standardOutput } from "#engine/terminal";
import { valueOrThrow } from "#model";
import type { CommandContext } from "./context.ts";
import { answerWith, fullName } from "./observe/ask.ts";
import { drawWhy } from "./observe/draw-why.ts";

interface WhyOptions {
  readonly window: string;
  readonly baseline?: string;
}

export function register(command: Command, context: CommandContext): void {
  command
    .argument("<service>", "name, or namespace/name")
    .option("-w, --window <time>", "the span to explain, up to now", "30s")
    .option("-b, --baseline <time>", "length of the calm span before it to compare with (the window's)")
    .action(async (service: string, { window, baseline }: WhyOptions) =>
      answerWith(
        context,
        async (ask) => {
          const graph = service.includes("/") ? undefined : await observeClient.graph(ask, { window: "5m" });
          const name = valueOrThrow(
            fullName(
              service,
              (graph?.nodes ?? []).map((node) => node.id),
            ),
          );
          return observeClient.why(ask, { service: name, window, baseline });
        },
        (report) => drawWhy(report, palette(standardOutput().isColoured)),
      ),
    );
}
