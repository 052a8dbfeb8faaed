/** `heddle api-token`: credentials for people and programs that use the API. */
import { type Command, Option } from "commander";
import type { ApiTokensView, MadeApiTokenView } from "#api";
import { ADMIN_VERBS } from "#model";
import type { CommandContext } from "./context.ts";
import { ask } from "./resources.ts";
import { readTtl } from "./time-to-live.ts";

interface CreateOptions {
  readonly namespace: string;
  readonly verb?: readonly string[];
  readonly ttl: string;
}

async function create(name: string, options: CreateOptions, context: CommandContext): Promise<void> {
  const ttl = readTtl(options.ttl);
  if (!ttl.ok) return context.fail(ttl);
  const body = { name, namespace: options.namespace, verbs: options.verb ?? [], ttlSeconds: ttl.value };
  const made = await ask<MadeApiTokenView>(context, { method: "POST", path: "/api/v1/api-tokens", body });
  if (made !== undefined) context.show(made, () => `${made.token}\n`);
}

async function list(context: CommandContext): Promise<void> {
  const answer = await ask<ApiTokensView>(context, { path: "/api/v1/api-tokens" });
  if (answer === undefined) return;
  const lines = answer.tokens.map(({ id, namespace, name, verbs, createdBy, expiresAtMs }) => {
    const held = verbs.length === 0 ? "only what roles give it" : verbs.join(", ");
    return `${id}  ${namespace}/${name}  ${held}  until ${new Date(expiresAtMs).toISOString()}  made by ${createdBy}`;
  });
  context.show(answer.tokens, () => (lines.length === 0 ? "no API tokens\n" : `${lines.join("\n")}\n`));
}

export function register(command: Command, context: CommandContext): void {
  command
    .command("create")
    .description("make a token and print it, this once; only its hash is stored")
    .argument("<name>", "what roles and the audit log call it by, together with its namespace")
    .requiredOption("-n, --namespace <name>", "where it belongs: its verbs hold there and below")
    .addOption(new Option("--verb <verb...>", "what it may do, beside what roles give it").choices(ADMIN_VERBS))
    .option("--ttl <duration>", "how long it is good: 30m, 12h, 90d; at most 366d", "90d")
    .action((name: string, options: CreateOptions) => create(name, options, context));
  command
    .command("list")
    .description("show tokens, without their secrets")
    .action(() => list(context));
  command
    .command("revoke")
    .description("make a token worthless, from this moment on")
    .argument("<id>")
    .action(async (id: string) => {
      await ask<unknown>(context, { method: "DELETE", path: `/api/v1/api-tokens/${encodeURIComponent(id)}` });
    });
}
