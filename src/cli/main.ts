/** The command line. Each command is a row of one table and is loaded when it is used. */
import { Command, CommanderError, Option } from "commander";
import { arguments as commandLine, setExitStatus } from "#engine/processes";
import { standardError } from "#engine/terminal";
import { formatProblems, ProblemError } from "#model";
import { COMMANDS, type CommandModule } from "./commands.ts";
import { commandContext, type SharedOptions } from "./context.ts";
import { VERSION } from "./version.ts";

const USAGE_STATUS = 2;

function addSharedOptions(command: Command): Command {
  return command
    .addOption(new Option("-o, --output <format>", "how to print").choices(["table", "json", "yaml"]))
    .option("--json", "the same as -o json")
    .option("--data <directory>", "data directory of the server, for its credential (or HEDDLE_DATA)")
    .option("--server <url>", "the server's API, for a credential of your own (or HEDDLE_SERVER)")
    .option("--token-file <file>", "file with an API token, readable by you only (or HEDDLE_TOKEN_FILE)");
}

function program(): Command {
  const root = new Command("heddle")
    .description("A service mesh in one program")
    .version(VERSION, "-V, --version", "print the version")
    .showHelpAfterError("(see --help)")
    .showSuggestionAfterError()
    .enablePositionalOptions()
    .exitOverride();
  for (const [name, { summary }] of Object.entries(COMMANDS)) root.command(name).description(summary);
  return root;
}

function attach(root: Command, name: string, module: CommandModule): void {
  const stub = root.commands.find((each) => each.name() === name);
  if (stub === undefined) return;
  const shared = addSharedOptions(stub.exitOverride());
  module.register(
    shared,
    // Only one of a command's own commands runs; what was not said there holds as it was said before it.
    commandContext(() => Object.assign({}, ...[shared, ...shared.commands].map((each) => each.opts<SharedOptions>()))),
  );
  for (const nested of shared.commands) addSharedOptions(nested.exitOverride());
}

/** Runs one command to its end. Never throws: every failure is told on standard error and becomes the exit status. */
export async function main(words: readonly string[]): Promise<void> {
  const root = program();
  const [name = ""] = words;
  try {
    const row = COMMANDS[name];
    if (row !== undefined) attach(root, name, await row.load());
    if (words.length === 0) root.outputHelp();
    else await root.parseAsync([...words], { from: "user" });
  } catch (error) {
    setExitStatus(statusOf(error));
  }
}

function statusOf(error: unknown): number {
  // Commander has told its own errors already; help and version are none.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_STATUS;
  const told =
    error instanceof ProblemError
      ? formatProblems(error.problems)
      : `heddle: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  standardError().write(`${told}\n`);
  return 1;
}

if (import.meta.main) await main(commandLine());
