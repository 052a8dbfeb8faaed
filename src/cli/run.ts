/** `heddle run`: one program with a sidecar of its own, in the mesh of a server that runs already. */
import type { Command } from "commander";
import { absolutePath } from "#engine/folders";
import { onExitSignal, type ProcessExit, selfCommand, setExitStatus, workingDirectory } from "#engine/processes";
import { standardError } from "#engine/terminal";
import {
  APP_PROTOCOLS,
  DNS_LABEL,
  failure,
  formatProblems,
  isAppProtocol,
  problem,
  type Result,
  success,
} from "#model";
import { type ServerAccess, ServiceRun, type ServiceRunOptions, type UnitEvent } from "#supervisor";
import type { CommandContext } from "./context.ts";

interface RunOptions {
  readonly service: string;
  readonly namespace: string;
  readonly port?: string;
  readonly calls?: string;
  readonly readiness?: string;
  readonly protocol: string;
  readonly agents?: string;
  readonly verbose?: true;
}

/** By convention of shells, an end by signal n is status 128 + n. */
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

function statusOf(exit: ProcessExit): number {
  return exit.kind === "status" ? exit.status : 128 + (SIGNAL_NUMBERS[exit.signal] ?? 0);
}

function invalid(message: string): Result<never> {
  return failure(problem("HDL_CLI_ARGUMENT", message));
}

type Wanted = Pick<
  ServiceRunOptions,
  "service" | "namespace" | "port" | "calls" | "readinessPath" | "readinessGrpc" | "agents" | "protocol"
>;

/** Checks what the user wrote before anything is started. */
export function readRunOptions(options: RunOptions): Result<Wanted> {
  const { service, namespace, readiness, protocol } = options;
  const calls = (options.calls ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const odd = [service, namespace, ...calls].find((name) => !DNS_LABEL.test(name));
  if (odd !== undefined) return invalid(`\`${odd}\` is not a name: use lower-case letters, digits and inner hyphens`);
  const port = options.port === undefined ? undefined : Number(options.port);
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65_536)) {
    return invalid(`--port must be a number from 1 to 65535, not \`${options.port}\``);
  }
  const grpc = /^grpc(?::(.*))?$/.exec(readiness ?? "");
  if (readiness !== undefined && grpc === null && !readiness.startsWith("/"))
    return invalid(`--readiness must begin with \`/\` or be \`grpc\` or \`grpc:SERVICE\`, not \`${readiness}\``);
  if (!isAppProtocol(protocol)) {
    return invalid(`--protocol must be one of ${APP_PROTOCOLS.join(", ")}, not \`${protocol}\``);
  }
  const asked =
    grpc === null
      ? { readinessPath: readiness, readinessGrpc: undefined }
      : { readinessPath: undefined, readinessGrpc: grpc[1] ?? "" };
  return success({ service, namespace, port, calls, ...asked, agents: options.agents, protocol });
}

export interface RunSurroundings {
  readonly access: ServerAccess;
  readonly heddle: readonly string[];
  readonly isVerbose: boolean;
}

/** Runs the program to its end; resolves with its exit status, or 1 when it could not be started. */
export async function run(
  wanted: Wanted,
  command: readonly [string, ...string[]],
  surroundings: RunSurroundings,
): Promise<number> {
  const errors = standardError();
  const tell = ({ unit, kind, state, text }: UnitEvent): void => {
    if (surroundings.isVerbose || kind === "note" || state === "backing-off")
      errors.write(`heddle: ${unit.id}: ${text}\n`);
  };
  const service = new ServiceRun({
    ...wanted,
    command,
    access: surroundings.access,
    directory: await absolutePath(workingDirectory()),
    heddle: surroundings.heddle,
    onEvent: tell,
  });
  let stopped: Promise<void> | undefined;
  const forget = onExitSignal((signal) => {
    // The program decides what a signal means; only a second one is not left to it.
    if (stopped === undefined) stopped = service.stop();
    else service.signal(signal === "SIGINT" ? "SIGKILL" : signal);
  });
  const started = await service.start();
  const status = started.ok ? statusOf(await started.value) : 1;
  if (!started.ok && stopped === undefined) errors.write(`${formatProblems(started.problems)}\n`);
  await (stopped ?? service.stop());
  forget();
  return status;
}

async function start(words: readonly string[], options: RunOptions, context: CommandContext): Promise<Result<number>> {
  const [program, ...rest] = words;
  if (program === undefined) return invalid("say what to run: `heddle run --service orders -- node orders.js`");
  const wanted = readRunOptions(options);
  if (!wanted.ok) return wanted;
  const access = await context.access();
  if (!access.ok) return access;
  const surroundings = { access: access.value, heddle: selfCommand(), isVerbose: options.verbose === true };
  return success(await run(wanted.value, [program, ...rest], surroundings));
}

export function register(command: Command, context: CommandContext): void {
  command
    .requiredOption("--service <name>", "the service that the program is an endpoint of")
    .option("--namespace <name>", "its namespace", "default")
    .option("--port <number>", "the port it listens on, where it does not read PORT")
    .option("--calls <names>", "services of the namespace that it calls, separated by commas")
    .option("--protocol <name>", "what it speaks: http, http1, http2, grpc or tcp", "auto")
    .option(
      "--readiness <path>",
      "what answers below 400 when the program is ready; `grpc` or `grpc:SERVICE` asks for gRPC's health",
    )
    .option("--agents <host:port>", "the server's listener for agents, where the server does not say")
    .option("--verbose", "show what the agent logs")
    .argument("<command...>", "the program and its arguments, after --")
    .passThroughOptions()
    .action(async (words: readonly string[], options: RunOptions) => {
      const ended = await start(words, options, context);
      if (ended.ok) setExitStatus(ended.value);
      else context.fail(ended);
    });
}
