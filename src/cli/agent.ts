/** `heddle agent`: the data plane of one workload. Started by `up` and `run`, or by hand on a host. */
import type { Command } from "commander";
import { Agent, parseBootstrap, readTlsFiles } from "#agent";
import { readTextFile } from "#engine/folders";
import { privateFiles } from "#engine/private-files";
import { onExitSignal, readStandardInput } from "#engine/processes";
import { systemRandom } from "#engine/random";
import { standardError } from "#engine/terminal";
import { systemClock, systemTimers } from "#engine/time";
import { failure, problem, type Result } from "#model";
import type { CommandContext } from "./context.ts";
import { VERSION } from "./version.ts";

interface AgentCommandOptions {
  readonly config: string;
  readonly attest?: string;
  readonly serverRoots?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly serviceAccountTokenFile?: string;
  readonly audience?: string;
  readonly metadataServer?: string;
}

const TOKEN_BYTES_MAX = 4096;

export function register(command: Command, context: CommandContext): void {
  command
    .requiredOption("-c, --config <file>", "the agent's bootstrap document (JSON)")
    .option("--attest <kind>", "join by what the node proves, in place of a token: x509pop, kubernetes, gcp")
    .option("--server-roots <file>", "PEM of the roots that the server is known by (`heddle ca roots`)")
    .option("--certificate <file>", "x509pop: the host's certificate with its chain (PEM)")
    .option("--key <file>", "x509pop: its key (PEM, 0600)")
    .option("--service-account-token-file <file>", "kubernetes: the projected service-account token")
    .option("--audience <name>", "gcp: the audience that the NodeAttestation names")
    .option("--metadata-server <url>", "gcp: where the instance asks, if not its cloud's own address")
    .addHelpText("after", "\nThe join token is read from standard input, or from the document's `joinTokenFile`.")
    .action(async (options: AgentCommandOptions) => {
      const outcome = await runAgent(options);
      if (!outcome.ok) context.fail(outcome);
    });
}

/** As the bootstrap document would say it. */
function attestationOf(options: AgentCommandOptions): Readonly<Record<string, unknown>> | undefined {
  const { attest: kind, key: privateKey, serviceAccountTokenFile: tokenFile } = options;
  const { serverRoots, certificate, audience, metadataServer } = options;
  if (kind === undefined) return undefined;
  const said = { kind, serverRoots, certificate, privateKey, tokenFile, audience, metadataServer };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
}

/** Runs until a signal asks it to end. */
async function runAgent(options: AgentCommandOptions): Promise<Result<void>> {
  const path = options.config;
  const text = await readTextFile(path);
  if (!text.ok) return text;
  if (text.value === undefined) return failure(problem("HDL_AGENT_BOOTSTRAP", `There is no file ${path}.`));
  const bootstrap = parseBootstrap(text.value, path, { attestation: attestationOf(options) });
  if (!bootstrap.ok) return bootstrap;
  const { joinTokenFile, attestation } = bootstrap.value;
  const isOffered = joinTokenFile === undefined && attestation === undefined;
  const offered = isOffered ? await readStandardInput(TOKEN_BYTES_MAX) : undefined;
  if (offered?.ok === false) return offered;
  const log = (line: string): void => standardError().write(`${line}\n`);
  const surroundings = { files: privateFiles, clock: systemClock, timers: systemTimers, log };
  const tls = await readTlsFiles(bootstrap.value, surroundings);
  if (!tls.ok) return tls;
  const agent = new Agent({
    ...surroundings,
    bootstrap: bootstrap.value,
    tls: tls.value,
    joinToken: () =>
      joinTokenFile === undefined ? Promise.resolve(offered?.value || undefined) : readToken(joinTokenFile),
    version: VERSION,
    random: systemRandom,
  });
  return runUntilSignal(agent);
}

async function runUntilSignal(agent: Agent): Promise<Result<void>> {
  const asked = Promise.withResolvers<void>();
  const ignore = onExitSignal(() => asked.resolve());
  const started = await Promise.race([agent.start(), asked.promise]);
  if (started !== undefined && !started.ok) {
    ignore();
    return started;
  }
  await asked.promise;
  await agent.stop();
  ignore();
  return { ok: true, value: undefined };
}

/** Read anew each time, so that a fresh token can be offered to an agent whose certificate has expired. */
async function readToken(path: string): Promise<string | undefined> {
  const text = await privateFiles.read(path);
  return text.ok ? text.value?.trim() || undefined : undefined;
}
