/** `heddle server`: the control plane by itself. */
import type { Command } from "commander";
import { bundledFolder } from "#engine/folders";
import { onExitSignal } from "#engine/processes";
import { standardError } from "#engine/terminal";
import { systemClock } from "#engine/time";
import { failure, problem, type Result, success } from "#model";
import { type IdentityProviderSettings, type ServerLog, startControlPlane, type UpstreamSettings } from "#server";
import type { CommandContext } from "./context.ts";
import { defaultDataDirectory } from "./credentials.ts";
import { VERSION } from "./version.ts";

interface ServerCommandOptions {
  readonly data?: string;
  readonly trustDomain: string;
  readonly api: string;
  readonly agents: string;
  readonly bundleEndpoint?: string;
  readonly jwtIssuer?: string;
  readonly passphraseFile?: string;
  readonly upstreamCaCommand?: string;
  readonly upstreamCaCertificate?: string;
  readonly upstreamCaKey?: string;
  readonly upstreamCaRoot?: string;
  readonly upstreamCaPassphraseFile?: string;
  readonly upstreamCaVault?: string;
  readonly upstreamCaVaultTokenFile?: string;
  readonly upstreamCaVaultCa?: string;
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

interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** OpenID Connect Discovery §4: the well-known path follows it. */
const ISSUER = /^https:\/\/[^/?#]+$/;

function parseSocket(text: string, option: string): Result<SocketAddress> {
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

/** Undefined where the mesh has roots of its own. */
function upstreamIn(options: ServerCommandOptions): Result<UpstreamSettings | undefined> {
  const { upstreamCaCommand: program, upstreamCaCertificate: certificateFile, upstreamCaKey: keyFile } = options;
  const { upstreamCaVault: url, upstreamCaVaultTokenFile: tokenFile, upstreamCaVaultCa: caFile } = options;
  if ((certificateFile === undefined) !== (keyFile === undefined))
    return failure(problem("HDL_CLI_ARGUMENT", "--upstream-ca-certificate and --upstream-ca-key go together"));
  if ((url === undefined) !== (tokenFile === undefined))
    return failure(problem("HDL_CLI_ARGUMENT", "--upstream-ca-vault and --upstream-ca-vault-token-file go together"));
  const { upstreamCaRoot: rootFile, upstreamCaPassphraseFile: passphraseFile } = options;
  const given: UpstreamSettings[] = [];
  if (program !== undefined) given.push({ kind: "command", program });
  if (certificateFile !== undefined && keyFile !== undefined)
    given.push({ kind: "files", certificateFile, keyFile, rootFile, passphraseFile });
  if (url !== undefined && tokenFile !== undefined) given.push({ kind: "vault", url, tokenFile, caFile });
  if (given.length <= 1) return success(given[0]);
  return failure(problem("HDL_CLI_ARGUMENT", "there is one upstream authority: a command, files or Vault"));
}

interface ReadOptions {
  readonly api: SocketAddress;
  readonly agents: SocketAddress;
  readonly bundleEndpoint?: SocketAddress;
  readonly apiTls?: { readonly certificateFile: string; readonly keyFile: string };
  readonly issuer?: string;
}

function readApiTls({ apiCertificate, apiKey }: ServerCommandOptions): Result<ReadOptions["apiTls"]> {
  if (apiCertificate === undefined && apiKey === undefined) return success(undefined);
  if (apiCertificate !== undefined && apiKey !== undefined)
    return success({ certificateFile: apiCertificate, keyFile: apiKey });
  return failure(problem("HDL_CLI_ARGUMENT", "--api-certificate and --api-key go together"));
}

function readOptions(options: ServerCommandOptions): Result<ReadOptions> {
  const { jwtIssuer: issuer, bundleEndpoint } = options;
  const api = parseSocket(options.api, "--api");
  if (!api.ok) return api;
  const agents = parseSocket(options.agents, "--agents");
  if (!agents.ok) return agents;
  const bundle = bundleEndpoint === undefined ? success(undefined) : parseSocket(bundleEndpoint, "--bundle-endpoint");
  if (!bundle.ok) return bundle;
  const tls = readApiTls(options);
  if (!tls.ok) return tls;
  if (issuer !== undefined && !ISSUER.test(issuer))
    return failure(problem("HDL_CLI_ARGUMENT", `--jwt-issuer must be https://host, not \`${issuer}\``));
  return success({
    api: api.value,
    agents: agents.value,
    ...(bundle.value === undefined ? {} : { bundleEndpoint: bundle.value }),
    ...(tls.value === undefined ? {} : { apiTls: tls.value }),
    ...(issuer === undefined ? {} : { issuer }),
  });
}

async function runServer(options: ServerCommandOptions): Promise<Result<void>> {
  const read = readOptions(options);
  if (!read.ok) return read;
  const provider = identityProvider(options);
  if (!provider.ok) return provider;
  const upstream = upstreamIn(options);
  if (!upstream.ok) return upstream;
  const { passphraseFile, trustDomain } = options;
  const started = await startControlPlane({
    ...read.value,
    ...(provider.value === undefined ? {} : { identityProvider: provider.value }),
    dataDirectory: options.data ?? defaultDataDirectory(),
    trustDomain,
    ...(passphraseFile === undefined ? {} : { passphraseFile }),
    ...(upstream.value === undefined ? {} : { upstream: upstream.value }),
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
    .option("--bundle-endpoint <address:port>", "publish the trust bundle there, for other trust domains")
    .option("--jwt-issuer <url>", "be the OpenID Connect issuer of JWT-SVIDs, under this https:// address of the API")
    .option("--upstream-ca-command <program>", "have it certify the keys that sign, in place of a root of our own")
    .option(
      "--upstream-ca-certificate <file>",
      "the same by files: the authority's certificate, and those above it (PEM)",
    )
    .option("--upstream-ca-key <file>", "its key (PEM, 0600)")
    .option("--upstream-ca-root <file>", "the root above it (PEM), if it is not the root itself")
    .option("--upstream-ca-passphrase-file <file>", "passphrase of that key (0600)")
    .option("--upstream-ca-vault <url>", "the same by Vault: its PKI mount, such as https://vault:8200/v1/pki")
    .option("--upstream-ca-vault-token-file <file>", "token that may use root/sign-intermediate there (0600)")
    .option("--upstream-ca-vault-ca <file>", "authorities that Vault's certificate is judged by (PEM)")
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
