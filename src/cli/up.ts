/** `heddle up`: the application of a heddle.yaml, meshed, until Ctrl-C. */
import { dirname } from "node:path";
import type { Command } from "commander";
import { absolutePath, readTextFile } from "#engine/folders";
import { onExitSignal, selfCommand, setExitStatus } from "#engine/processes";
import { type OutputStream, palette, standardError, standardOutput } from "#engine/terminal";
import { systemTimers } from "#engine/time";
import { failure, formatProblems, problem, type Result } from "#model";
import { type Application, ApplicationRun, consoleAddress, gatewayUrl, readApplication, View } from "#supervisor";

export interface UpOptions {
  readonly file: string;
  readonly keep?: true;
  readonly verbose?: true;
}

const MISSING_HINT =
  "Write one (`docs/guides/my-own-services.md`), go to the project's folder, or name the file with `--file`.";

async function readProject(file: string): Promise<Result<Application>> {
  const text = await readTextFile(file);
  if (!text.ok) return text;
  if (text.value !== undefined) return readApplication(text.value, file);
  return failure(problem("HDL_SUPERVISOR_APPLICATION_MISSING", `there is no ${file}`, { next: MISSING_HINT }));
}

function report(stream: OutputStream, failed: Extract<Result<never>, { ok: false }>): void {
  stream.write(`${formatProblems(failed.problems)}\n`);
}

function openings(application: Application, apiUrl: string): string {
  const edges = application.gateways.map((each) => `${each.name} ${gatewayUrl(each)}`);
  return [`console ${apiUrl}`, ...edges, "Ctrl-C stops"].join("  ·  ");
}

/** Stops the run at the first request to end, and without patience at the second. Resolves when it was asked to. */
function untilAsked(run: ApplicationRun, view: View): { readonly asked: Promise<void>; readonly forget: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let requests = 0;
  const forget = onExitSignal(() => {
    requests += 1;
    if (requests > 1) return run.hurry();
    view.headline("stopping; Ctrl-C again hurries");
    view.say("stopping everything, in reverse order (Ctrl-C again hurries)");
    // A start that is under way ends with a problem, which nobody wants to read after Ctrl-C.
    void run.stop();
    resolve();
  });
  return { asked: promise, forget };
}

/** Runs until asked to end; resolves with the exit status when everything is gone. `heddle` are the words that start Heddle itself. */
export async function up(options: UpOptions, heddle: readonly string[]): Promise<number> {
  const output = standardOutput();
  const errors = standardError();
  const read = await readProject(options.file);
  if (!read.ok) {
    report(errors, read);
    return 1;
  }
  const application = read.value;
  const view = new View({
    stream: output,
    palette: palette(output.isColoured),
    timers: systemTimers,
    title: application.name,
    isVerbose: options.verbose === true,
    isQuiet: false,
  });
  const run = new ApplicationRun({
    application,
    directory: await absolutePath(dirname(options.file)),
    isKept: options.keep === true,
    heddle,
    onPlan: (units) => view.start(units),
    onEvent: (event) => view.onEvent(event),
    onServer: (access) => view.headline(openings(application, access.url)),
  });
  const { asked, forget } = untilAsked(run, view);
  const started = run.start();
  const first = await Promise.race([started, asked.then(() => undefined)]);
  if (first?.ok === true) {
    view.say(`ready  ·  ${openings(application, await consoleAddress(first.value))}`);
    await asked;
  }
  await run.stop();
  view.stop();
  forget();
  if (first?.ok !== false) return 0;
  report(errors, first);
  return 1;
}

export function register(command: Command): void {
  command
    .description("Run the application of a heddle.yaml, meshed, until Ctrl-C")
    .option("-f, --file <path>", "the application", "heddle.yaml")
    .option("--keep", "keep the state in .heddle when stopping, and go on with it at the next start")
    .option("--verbose", "show what the server and the agents log, too")
    .action(async (options: UpOptions) => setExitStatus(await up(options, selfCommand())));
}
