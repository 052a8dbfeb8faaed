/** `heddle policy lint`: what is wrong with policies, before it hurts. */
import type { Command } from "commander";
import type { LintView } from "#api";
import { setExitStatus } from "#engine/processes";
import { type Palette, palette, standardOutput } from "#engine/terminal";
import { success } from "#model";
import { readResources } from "./apply.ts";
import type { CommandContext } from "./context.ts";
import { ask } from "./resources.ts";

export function registerLint(command: Command, context: CommandContext): void {
  command
    .command("lint")
    .description("find rules that do not do what they say")
    .option("-f, --filename <path...>", "look as if these files or folders were applied; - is standard input")
    .addHelpText("after", "\nThe exit status is 1 when a finding is an error.")
    .action(async ({ filename }: { readonly filename?: readonly string[] }) => {
      const files = filename === undefined ? success([]) : await readResources(filename);
      if (!files.ok) return context.fail(files);
      const body = { files: files.value };
      const view = await ask<LintView>(context, { method: "POST", path: "/api/v1/policy/lint", body });
      if (view === undefined) return;
      context.show(view, () => drawLint(view, palette(standardOutput().isColoured)));
      if (view.findings.some(({ severity }) => severity === "error")) setExitStatus(1);
    });
}

/** For people: what is wrong, where, and what to do, errors first. */
export function drawLint({ policies, findings }: LintView, colours: Palette): string {
  const looked = `${policies} ${policies === 1 ? "policy" : "policies"} looked at`;
  if (findings.length === 0) return `${colours.green("✓")} ${looked}, nothing found\n`;
  const lines = findings.flatMap(({ severity, code, label, rule, message, fix }) => {
    const mark = severity === "error" ? colours.red("✗") : colours.yellow("!");
    const place = rule < 0 ? label : `${label}, rule ${rule + 1}`;
    return [`${mark} ${place}  ${colours.bold(code)}`, `  ${message}`, `  → ${fix}`];
  });
  const errors = findings.filter(({ severity }) => severity === "error").length;
  return `${lines.join("\n")}\n${looked}: ${counted(errors, "error")}, ${counted(findings.length - errors, "warning")}\n`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
