/** `heddle policy explain`: why a request is allowed or denied, one that is asked about or one that was recorded. */
import type { Command } from "commander";
import type { ExplainBody, ExplanationView, FlowExplanationView } from "#api";
import { readTextFile } from "#engine/folders";
import { palette, standardOutput } from "#engine/terminal";
import { failure, problem, type Result, success } from "#model";
import type { CommandContext } from "./context.ts";
import { drawExplanation, drawFlowExplanation } from "./policy-explain-text.ts";
import { ask } from "./resources.ts";

interface ExplainOptions {
  readonly flow?: string;
  readonly port?: string;
  readonly host?: string;
  readonly tcp?: boolean;
  readonly header: readonly string[];
  readonly withoutHeader: readonly string[];
  readonly claim: readonly string[];
  readonly tokenClaims?: string;
  readonly withoutToken?: boolean;
  readonly sourceIp?: string;
  readonly sni?: string;
}

const FLOW_ID = /^[0-9a-f]{16}$/;

export function registerExplain(command: Command, context: CommandContext): void {
  command
    .command("explain")
    .description("say whether a request is allowed, by which rule, and what nearly matched")
    .argument(
      "[source]",
      "namespace/service-account, a whole principal, - for a caller without a certificate; or a flow",
    )
    .argument("[destination]", "namespace/service")
    .argument("[method]", "of the request", "GET")
    .argument("[path]", "of the request", "/")
    .option("--flow <id>", "a request that was recorded, as `heddle tap` and `x-heddle-flow` name it")
    .option("--port <number>", "port of the app (the one that its replica announced)")
    .option("--host <name>", "host that is asked for")
    .option("--tcp", "a connection of bytes that are no HTTP")
    .option("--header <name=value>", "a header field; may be repeated", collect, [])
    .option("--without-header <name>", "a header field that is not sent; may be repeated", collect, [])
    .option("--claim <name=value>", "a claim of its token; repeated, the claim is a list", collect, [])
    .option("--token-claims <file>", "all claims of its token, as JSON")
    .option("--without-token", "it carries no token")
    .option("--source-ip <address>", "where the connection comes from")
    .option("--sni <name>", "server name that the caller's own TLS asks for, with --tcp")
    .addHelpText("after", "\nWhat is not given is not known, and it is said where the verdict depends on it.")
    .action((...words: readonly unknown[]) => explain(words, context));
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

async function explain(words: readonly unknown[], context: CommandContext): Promise<void> {
  const [source, destination, method, path, options] = words as [
    string | undefined,
    string | undefined,
    string,
    string,
    ExplainOptions,
  ];
  const flow = options.flow ?? (destination === undefined && FLOW_ID.test(source ?? "") ? source : undefined);
  if (flow !== undefined) return explainFlow(flow, context);
  if (source === undefined || destination === undefined)
    return context.fail(failure(problem("HDL_CLI_ARGUMENT", "name a source and a destination, or a flow")));
  const said = await saidOf(options);
  if (!said.ok) return context.fail(said);
  const asked = options.tcp === true ? {} : { method, path };
  const body: ExplainBody = { source, destination, ...asked, ...said.value };
  const view = await ask<ExplanationView>(context, { method: "POST", path: "/api/v1/policy/explain", body });
  if (view !== undefined) context.show(view, () => drawExplanation(view, palette(standardOutput().isColoured)));
}

async function saidOf(options: ExplainOptions): Promise<Result<Omit<ExplainBody, "source" | "destination">>> {
  const { port, host, withoutHeader, sourceIp, sni } = options;
  const token = await tokenOf(options);
  if (!token.ok) return token;
  const pairs = pairsOf(options.header, "header");
  if (!pairs.ok) return pairs;
  const headers = pairs.value.map(([name, value]) => ({ name, value }));
  return success({
    ...{ host, sourceIp, sni, headers, absentHeaders: [...withoutHeader], token: token.value },
    port: port === undefined ? undefined : Number(port),
  });
}

async function explainFlow(id: string, context: CommandContext): Promise<void> {
  const path = `/api/v1/policy/explain/flows/${encodeURIComponent(id)}`;
  const view = await ask<FlowExplanationView>(context, { path });
  if (view !== undefined) context.show(view, () => drawFlowExplanation(view, palette(standardOutput().isColoured)));
}

async function tokenOf({ claim, tokenClaims, withoutToken }: ExplainOptions): Promise<Result<ExplainBody["token"]>> {
  const said = [claim.length > 0, tokenClaims !== undefined, withoutToken === true].filter(Boolean).length;
  if (said > 1) return invalid("--claim, --token-claims and --without-token exclude each other");
  if (withoutToken === true) return success({ kind: "none" });
  if (tokenClaims !== undefined) return wholeToken(tokenClaims);
  const pairs = pairsOf(claim, "claim");
  if (!pairs.ok || pairs.value.length === 0) return pairs.ok ? success(undefined) : pairs;
  const byName = Map.groupBy(pairs.value, ([name]) => name);
  const claims = [...byName].map(([name, each]) => {
    const values = each.map(([, value]) => value);
    return [name, values.length === 1 ? values[0] : values] as const;
  });
  return success({ kind: "part", claims: Object.fromEntries(claims) });
}

async function wholeToken(file: string): Promise<Result<ExplainBody["token"]>> {
  const text = await readTextFile(file);
  if (!text.ok) return text;
  if (text.value === undefined) return invalid(`there is no file ${file}`);
  const claims = parsed(text.value);
  if (typeof claims !== "object" || claims === null || Array.isArray(claims))
    return invalid(`${file} holds no JSON object of claims`);
  return success({ kind: "whole", claims: claims as Record<string, unknown> });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function pairsOf(texts: readonly string[], option: string): Result<readonly (readonly [string, string])[]> {
  const pairs = texts.map((text) => {
    const at = text.indexOf("=");
    return at < 1 ? undefined : ([text.slice(0, at), text.slice(at + 1)] as const);
  });
  const whole = pairs.filter((each) => each !== undefined);
  if (whole.length < pairs.length) return invalid(`--${option} takes a name and a value, as in \`name=value\``);
  return success(whole);
}

function invalid(message: string): Result<never> {
  return failure(problem("HDL_CLI_ARGUMENT", message));
}
