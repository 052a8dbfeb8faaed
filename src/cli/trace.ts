/** `heddle trace`: one request through the mesh, or the list of those to choose from. */
import type { Command } from "commander";
import { observeClient } from "#api";
import { palette, standardOutput } from "#engine/terminal";
import type { CommandContext } from "./context.ts";
import { answerWith } from "./observe/ask.ts";
import { drawTrace, drawTraces } from "./observe/draw-traffic.ts";

interface TraceOptions {
  readonly window: string;
  readonly service?: string;
  readonly failed?: true;
  readonly slowest?: true;
  readonly limit: string;
}

export function register(command: Command, context: CommandContext): void {
  command
    .argument("[trace]", "identifier of a trace; without it, traces are listed")
    .option("-w, --window <time>", "the span to look in, up to now", "5m")
    .option("-s, --service <name>", "only traces that pass through it")
    .option("--failed", "only failed ones")
    .option("--slowest", "the slowest first instead of the newest")
    .option("-n, --limit <number>", "how many to list", "20")
    .action(async (id: string | undefined, options: TraceOptions) => {
      const colours = palette(standardOutput().isColoured);
      if (id !== undefined)
        return answerWith(
          context,
          (ask) => observeClient.trace(ask, id),
          (trace) => drawTrace(trace, colours),
        );
      const query = {
        window: options.window,
        service: options.service,
        failed: options.failed === true ? "true" : undefined,
        order: options.slowest === true ? "slowest" : undefined,
        limit: options.limit,
      };
      return answerWith(
        context,
        (ask) => observeClient.traces(ask, query),
        (traces) => drawTraces(traces, colours),
      );
    });
}
