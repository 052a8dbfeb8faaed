/** `heddle tap`: requests as they pass, until Ctrl-C. */
import type { Command } from "commander";
import { flowViewSchema, observeClient } from "#api";
import { onExitSignal } from "#engine/processes";
import { type Palette, palette, standardOutput } from "#engine/terminal";
import { failure, ProblemError } from "#model";
import type { CommandContext } from "./context.ts";
import { request } from "./observe/ask.ts";
import { drawFlow } from "./observe/draw-traffic.ts";

interface TapOptions {
  readonly source?: string;
  readonly destination?: string;
  readonly verdict?: string;
  readonly limit?: string;
}

const LINE_CHARS_MAX = 65_536;

export function register(command: Command, context: CommandContext): void {
  command
    .option("--source <name>", "only calls made by it")
    .option("--destination <name>", "only calls made to it")
    .option("--verdict <verdict>", "only those that a policy decided so: allow or deny")
    .option("-n, --limit <number>", "end after so many")
    .action(async (options: TapOptions) => tap(context, options));
}

async function tap(context: CommandContext, { limit, ...filter }: TapOptions): Promise<void> {
  const access = await context.access();
  if (!access.ok) return context.fail(access);
  const ending = new AbortController();
  const forget = onExitSignal(() => ending.abort());
  try {
    const response = await request(access.value, observeClient.liveFlowsPath(filter), ending.signal);
    const colours = palette(standardOutput().isColoured);
    let left = limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
    for await (const line of linesOf(response)) {
      context.print(drawLine(line, context, colours));
      if (--left <= 0) break;
    }
  } catch (error) {
    if (error instanceof ProblemError && !ending.signal.aborted) context.fail(failure(...error.problems));
    else if (!ending.signal.aborted) throw error;
  } finally {
    forget();
    ending.abort();
  }
}

/** Lines of a stream without the empty ones that keep it alive. A line too long to be a flow ends it. */
async function* linesOf(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body ?? []) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > LINE_CHARS_MAX) return;
    yield* lines.filter((line) => line !== "");
  }
}

function drawLine(line: string, context: CommandContext, colours: Palette): string {
  if (context.format() !== "table") return `${line}\n`;
  const flow = flowViewSchema.safeParse(JSON.parse(line));
  return flow.success ? drawFlow(flow.data, colours) : `${colours.dim(line)}\n`;
}
