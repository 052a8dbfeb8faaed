/** `heddle server`: the control plane by itself. */
import type { Command } from "commander";
import { bundledFolder } from "#engine/folders";
import { onExitSignal } from "#engine/processes";
import { standardError } from "#engine/terminal";
import { systemClock } from "#engine/time";
import { failure, problem, type Result, success } from "#model";
import { type IdentityProviderSettings, type ServerLog, startControlPlane } from "#server";
import type { CommandContext } from "./context.ts";
import { defaultDataDirectory } from "./credentials.ts";
import { VERSION } from "./version.ts";

interface ServerCommandOptions {
  readonly data?: string;
  readonly trustDomain: string;
  readonly api: string;
  readonly agents: string;
  readonly passphraseFile?: string;
  readonly apiCertificate?: string;
  readonly apiKey?: string;
  readonly oidcIssuer?: string;
  readonly oidcClientId?: string;
  readonly oidcClientSecretFile?: string;
  readonly oidcScopes: string;
  readonly oidcGroupsClaim: string;
  readonly publicUrl?: string;
}

/** As pino numbers them. */
const LEVELS = { info: 30, warn: 40, error: 50 } as const;

const log: ServerLog = (level, message, fields = {}) => {
  const line = { level: LEVELS[level], time: systemClock.nowMs(), msg: message, ...fields };
  standardError().write(`${JSON.stringify(line)}\n`);
};

function parseSocket(text: string, option: string): Result<{ readonly address: string; readonly port: number }> {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match !== null && port <= 65_535) return success({ address: match[1] ?? match[2] ?? "", port });
  return failure(problem("HDL_CLI_ARGUMENT", `${option} must be address:port, not \`${text}\``));
}

/** Undefined where people are not to log in. */
function identityProvider(options: ServerCommandOptions): Result<IdentityProviderSettings | undefined> {
  const { oidcIssuer: issuer, oidcClientId: clientId, oidcClientSecretFile: clientSecretFile, publicUrl } = options;
  if (issuer === undefined && clientId === undefined) return success(undefined);
  if (issuer === undefined || clientId === undefined)
    return failure(problem("HDL_CLI_ARGUMENT", "--oidc-issuer and --oidc-client-id go together"));
  return success({
    issuer,
    clientId,
    scopes: options.oidcScopes,
    groupsClaim: options.oidcGroupsClaim,
    ...(clientSecretFile === undefined ? {} : { clientSecretFile }),
    ...(publicUrl === undefined ? {} : { publicUrl: publicUrl.replace(/\/+$/, "") }),
  });
}

async function runServer(options: ServerCommandOptions): Promise<Result<void>> {
  const api = parseSocket(options.api, "--api");
  if (!api.ok) return api;
  const agents = parseSocket(options.agents, "--agents");
  if (!agents.ok) return agents;
  const { passphraseFile, trustDomain, apiCertificate, apiKey } = options;
  if ((apiCertificate === undefined) !== (apiKey === undefined)) {
    return failure(problem("HDL_CLI_ARGUMENT", "--api-certificate and --api-key go together"));
  }
  const provider = identityProvider(options);
  if (!provider.ok) return provider;
  const started = await startControlPlane({
    ...(provider.value === undefined ? {} : { identityProvider: provider.value }),
    dataDirectory: options.data ?? defaultDataDirectory(),
    api: api.value,
    agents: agents.value,
    trustDomain,
    ...(passphraseFile === undefined ? {} : { passphraseFile }),
    ...(apiCertificate === undefined || apiKey === undefined
      ? {}
      : { apiTls: { certificateFile: apiCertificate, keyFile: apiKey } }),
    consoleDirectory: await bundledFolder("dist/console"),
    version: VERSION,
    log,
  });
  if (!started.ok) return started;
  log("info", "the server is ready", { url: started.value.url, agents: started.value.agents });
  await untilAsked();
  await started.value.stop();
  return success(undefined);
}

async function untilAsked(): Promise<void> {
  const asked = Promise.withResolvers<void>();
  const forget = onExitSignal(() => asked.resolve());
  await asked.promise;
  forget();
}

export function register(command: Command, context: CommandContext): void {
  command
    .option("--trust-domain <name>", "trust domain of every identity", "heddle.local")
    .option("--api <address:port>", "where the REST API and the console listen", "127.0.0.1:7070")
    .option("--agents <address:port>", "where agents connect", "127.0.0.1:7071")
    .option("--passphrase-file <file>", "passphrase of the authority's keys (0600)")
    .option("--api-certificate <file>", "certificate of the API (PEM), needed beyond loopback")
    .option("--api-key <file>", "its key (PEM, 0600)")
    .option("--oidc-issuer <url>", "OpenID provider by which people log in")
    .option("--oidc-client-id <id>", "what this server is called there")
    .option("--oidc-client-secret-file <file>", "its secret there (0600); none for a public client")
    .option("--oidc-scopes <scopes>", "what is asked of the provider", "openid profile email")
    .option("--oidc-groups-claim <name>", "claim of the ID token that lists groups", "groups")
    .option("--public-url <url>", "where browsers reach the API, if not at its own address")
    .action(async (options: ServerCommandOptions) => {
      const ended = await runServer(options);
      if (!ended.ok) context.fail(ended);
    });
}
