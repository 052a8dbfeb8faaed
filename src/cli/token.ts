/** `heddle token`: join tokens for agents that are started by hand. */
import type { Command } from "commander";
import type { TokensView } from "#api";
import { failure, problem, type Result, success } from "#model";
import type { CommandContext } from "./context.ts";
import { ask } from "./resources.ts";
import { readTtl } from "./time-to-live.ts";

interface CreateOptions {
  readonly workload: readonly string[];
  readonly ttl: string;
}

function readWorkloads(names: readonly string[]): Result<readonly { namespace: string; serviceAccount: string }[]> {
  const workloads = names.map((name) => /^([^/]+)\/([^/]+)$/.exec(name));
  const odd = workloads.indexOf(null);
  if (odd >= 0)
    return failure(problem("HDL_CLI_ARGUMENT", `--workload must be namespace/service-account, not \`${names[odd]}\``));
  return success(workloads.map((match) => ({ namespace: match?.[1] ?? "", serviceAccount: match?.[2] ?? "" })));
}

async function create({ workload, ttl }: CreateOptions, context: CommandContext): Promise<void> {
  const allowed = readWorkloads(workload);
  if (!allowed.ok) return context.fail(allowed);
  const life = readTtl(ttl);
  if (!life.ok) return context.fail(life);
  const body = { allowed: allowed.value, ttlSeconds: life.value };
  const made = await ask<{ token: string }>(context, { method: "POST", path: "/api/v1/tokens", body });
  if (made === undefined) return;
  context.show(made, () => `${made.token}\n`);
}

async function list(context: CommandContext): Promise<void> {
  const answer = await ask<TokensView>(context, { path: "/api/v1/tokens" });
  if (answer === undefined) return;
  const lines = answer.tokens.map(({ id, allowed, expiresAtMs, isUsed }) => {
    const names = allowed.map(({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}`).join(", ");
    return `${id}  ${isUsed ? "used   " : "unused "}  until ${new Date(expiresAtMs).toISOString()}  ${names}`;
  });
  context.show(answer.tokens, () => (lines.length === 0 ? "no join tokens\n" : `${lines.join("\n")}\n`));
}

export function register(command: Command, context: CommandContext): void {
  command
    .command("create")
    .description("make a token and print it: whoever has it may join once as one of its workloads")
    .requiredOption("--workload <namespace/account...>", "the workloads that it is good for")
    .option("--ttl <duration>", "how long it is good: 30m, 12h, 7d", "1h")
    .action((options: CreateOptions) => create(options, context));
  command
    .command("list")
    .description("show tokens, without their secrets")
    .action(() => list(context));
  command
    .command("revoke")
    .description("make a token worthless")
    .argument("<id>")
    .action(async (id: string) => {
      const path = `/api/v1/tokens/${encodeURIComponent(id)}`;
      await ask<unknown>(context, { method: "DELETE", path });
    });
}
