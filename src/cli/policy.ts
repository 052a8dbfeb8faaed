/** `heddle policy`: what policies decide, and why. */
import type { Command } from "commander";
import type { ExplanationView, OutcomeView } from "#api";
import { type Palette, palette, standardOutput } from "#engine/terminal";
import type { CommandContext } from "./context.ts";
import { registerExport, registerImport } from "./policy-export.ts";
import { registerLint } from "./policy-lint.ts";
import { registerMatrix } from "./policy-matrix.ts";
import { ask } from "./resources.ts";

interface ExplainOptions {
  readonly port?: string;
  readonly host?: string;
  readonly tcp?: boolean;
}

export function register(command: Command, context: CommandContext): void {
  command
    .command("explain")
    .description("say whether a request is allowed, by which rule, and what nearly matched")
    .argument("<source>", "namespace/service-account, a whole principal, or - for a caller without a certificate")
    .argument("<destination>", "namespace/service")
    .argument("[method]", "of the request", "GET")
    .argument("[path]", "of the request", "/")
    .option("--port <number>", "port of the app (the one that its replica announced)")
    .option("--host <name>", "host that is asked for")
    .option("--tcp", "a connection of bytes that are no HTTP")
    .action((...words: readonly unknown[]) => explain(words, context));
  registerLint(command, context);
  registerMatrix(command, context);
  registerExport(command, context);
  registerImport(command, context);
}

async function explain(words: readonly unknown[], context: CommandContext): Promise<void> {
  const [source, destination, method, path, { port, host, tcp }] = words as [
    string,
    string,
    string,
    string,
    ExplainOptions,
  ];
  const query = new URLSearchParams({ source, destination });
  if (tcp !== true) {
    query.set("method", method);
    query.set("path", path);
  }
  if (port !== undefined) query.set("port", port);
  if (host !== undefined) query.set("host", host);
  const answer = await ask<ExplanationView>(context, { path: `/api/v1/policy/explain?${query}` });
  if (answer === undefined) return;
  context.show(answer, () => drawExplanation(answer, palette(standardOutput().isColoured)));
}

/** For people: the verdict first, then the way to it. */
export function drawExplanation({ principal, destination, outcomes }: ExplanationView, colours: Palette): string {
  const caller = principal === "" ? "a caller without a certificate" : principal;
  const lines = [`${caller} → ${destination}`];
  for (const outcome of outcomes) {
    if (outcomes.length > 1) lines.push(`at ${outcome.instances.join(", ")}:`);
    lines.push(...outcomeLines(outcome, colours));
  }
  return `${lines.join("\n")}\n`;
}

function outcomeLines(outcome: OutcomeView, colours: Palette): readonly string[] {
  const { verdict, external, observed, nearestMiss, considered } = outcome;
  const mark = verdict === "allow" ? colours.green("✓ allowed") : colours.red("✗ denied");
  return [
    `${mark}  ${outcome.label}${outcome.rule < 0 ? "" : `, rule ${outcome.rule + 1}`}`,
    ...(external === undefined
      ? []
      : [
          `  once ${external.provider} has let it pass, which ${external.label}, rule ${external.rule + 1}, asks first`,
        ]),
    ...(nearestMiss === undefined
      ? []
      : [`  nearest: ${nearestMiss.label}, rule ${nearestMiss.rule + 1}: all but ${nearestMiss.failed.join(", ")}`]),
    ...(observed === undefined
      ? []
      : [`  would be: ${observed.verdict} if observed policies were enforced (${observed.label})`]),
    considered.length === 0 ? "  no policy is in force there" : "  looked at, in this order:",
    ...considered.map(
      ({ label, action, mode, rule }) =>
        `    ${action.padEnd(6)} ${label}${mode === "observe" ? " (observed)" : ""}  ${rule < 0 ? "no rule met" : `rule ${rule + 1} met`}`,
    ),
  ];
}
